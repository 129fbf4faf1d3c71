package io.resfuse.train.run;

/** What a backbone gave for pictures. Not to be changed. */
final class Features {
  /** One row per picture that could be read. */
  final float[][] rows;

  final int[] labels;

  /** The pictures' numbers in the data set. */
  final int[] samples;

  /** Pictures that could not be read. */
  final long unreadable;

  Features(float[][] rows, int[] labels, int[] samples, long unreadable) {
    this.rows = rows;
    this.labels = labels;
    this.samples = samples;
    this.unreadable = unreadable;
  }
}
