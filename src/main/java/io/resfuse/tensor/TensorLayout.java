package io.resfuse.tensor;

/** The order in memory of an activation's four dimensions, slowest first. */
public enum TensorLayout {
  /** Batch, channel, row, column: PyTorch's contiguous layout. */
  NCHW,
  /** Batch, row, column, channel: "channels last". */
  NHWC
}
