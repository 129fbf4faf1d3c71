package io.resfuse.data.dataset;

/** The parts that data sets are published in. */
public enum Split {
  /** What to learn from. */
  TRAIN,
  /** What to measure on: {@code test} or {@code val}. */
  TEST
}
