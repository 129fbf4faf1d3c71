package io.resfuse.train;

/** What an evaluation measures, each from 0 to 1, 1 for a network that is always right. */
public enum Measure {
  /** The share of pictures whose own class has the largest logit. */
  TOP1("top1", "top-1"),
  /** The share of pictures whose own class is among the five largest. */
  TOP5("top5", "top-5"),
  /** Of a class: the share of its pictures that were taken for it. */
  RECALL("recall", "recall"),
  /**
   * The mean over the classes of {@link #IOU}; classes that are neither labelled nor given are left
   * out.
   */
  MEAN_IOU("mean_iou", "mean IoU"),
  /** The share of pixels that were given their own class. */
  PIXEL_ACCURACY("pixel_accuracy", "pixel accuracy"),
  /** Of a class: pixels that are of it and were given it, over those that are either. */
  IOU("iou", "IoU");

  private final String key;
  private final String title;

  Measure(String key, String title) {
    this.key = key;
    this.title = title;
  }

  /**
   * What it is called in JSON.
   *
   * @return in lower case, with underscores
   */
  public String key() {
    return key;
  }

  /**
   * What it is called in texts for people.
   *
   * @return as it stands in a sentence
   */
  public String title() {
    return title;
  }
}
