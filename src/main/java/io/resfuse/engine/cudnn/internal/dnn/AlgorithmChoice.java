package io.resfuse.engine.cudnn.internal.dnn;

/** How cuDNN is asked which of its algorithms is the fastest. */
public enum AlgorithmChoice {
  /** By its heuristics: at once. */
  HEURISTICS,
  /** By running them all, once per convolution of a plan, with scratch memory of its own. */
  MEASUREMENT
}
