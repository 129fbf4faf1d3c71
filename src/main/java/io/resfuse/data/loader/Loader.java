package io.resfuse.data.loader;

import io.resfuse.data.DataException;
import io.resfuse.data.SampleRandom;
import io.resfuse.data.augment.Augmentation;
import io.resfuse.data.augment.Mixing;
import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.Pictures;
import io.resfuse.data.image.Decoding;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.tensor.TensorLayout;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings the pictures of a data set to a network in batches: decodes, augments, mixes and
 * normalises on threads of its own, ahead of the consumer.
 *
 * <p>What comes out depends on the seed, the epoch and the data set only, not on the number of
 * threads. So an epoch can be resumed at any batch, and gives the same bits.
 *
 * <ul>
 *   <li><b>Training:</b> each epoch in another random order; the pictures that do not fill a batch
 *       are left out of the epoch. An unreadable picture is replaced by the next in the order that
 *       can be read.
 *   <li><b>Evaluation:</b> in the data set's order, every picture once; the last batch is filled up
 *       with places without a picture ({@link Batch#NO_PICTURE}), and so is the place of an
 *       unreadable picture.
 * </ul>
 *
 * <p>Unreadable pictures are named in the log once each, and counted. A loader may be used by one
 * thread at a time; one epoch at a time.
 */
public final class Loader {
  private static final Logger log = LoggerFactory.getLogger(Loader.class);

  /** So many unreadable pictures in a row mean that something else is wrong. */
  private static final int MOST_UNREADABLE_IN_A_ROW = 100;

  final Pictures dataset;
  final Preprocessing preprocessing;
  final int batchSize;
  final int firstPlace;
  final int places;
  final boolean training;
  final TensorLayout layout;
  final List<Augmentation> augmentations;
  final Mixing mixing;
  final double labelSmoothing;
  final long seed;
  final int threads;
  final int prefetch;
  final Decoding decoding;

  private final Set<String> named = ConcurrentHashMap.newKeySet();

  private Loader(Builder builder) {
    this.dataset = builder.dataset;
    this.preprocessing = builder.preprocessing;
    this.batchSize = builder.batchSize;
    this.places = builder.batchSize / builder.parts;
    this.firstPlace = builder.part * places;
    this.training = builder.training;
    this.layout = builder.layout;
    this.augmentations = builder.augmentations;
    this.mixing = builder.mixing;
    this.labelSmoothing = builder.labelSmoothing;
    this.seed = builder.seed;
    this.threads = builder.threads;
    this.prefetch = builder.prefetch;
    this.decoding = dataset instanceof Dataset ? builder.decoding : Decoding.EXACT;
    if (mixing.active() && !(dataset instanceof Dataset)) {
      throw new IllegalArgumentException(
          "%s: pictures with maps or boxes cannot be mixed".formatted(dataset.name()));
    }
    if (training && dataset.size() < batchSize) {
      throw new DataException(
          "%s: %d pictures do not fill a batch of %d; choose a smaller batch"
              .formatted(dataset.name(), dataset.size(), batchSize));
    }
  }

  /**
   * Prepares a loader for training.
   *
   * @param dataset the pictures: a {@link Dataset}, or one whose maps or boxes are moved and cut as
   *     its pictures are
   * @param preprocessing the network's size and normalisation
   * @param batchSize at least 1
   * @return a builder
   */
  public static Builder forTraining(Pictures dataset, Preprocessing preprocessing, int batchSize) {
    return new Builder(dataset, preprocessing, batchSize, true);
  }

  /**
   * Prepares a loader for evaluation.
   *
   * @param dataset the pictures: a {@link Dataset}, or one whose maps or boxes are moved and cut as
   *     its pictures are
   * @param preprocessing the network's size and normalisation
   * @param batchSize at least 1
   * @return a builder
   */
  public static Builder forEvaluation(
      Pictures dataset, Preprocessing preprocessing, int batchSize) {
    return new Builder(dataset, preprocessing, batchSize, false);
  }

  /** The loader's options. */
  public static final class Builder {
    private final Pictures dataset;
    private final Preprocessing preprocessing;
    private final int batchSize;
    private int part;
    private int parts = 1;
    private final boolean training;
    private TensorLayout layout = TensorLayout.NCHW;
    private List<Augmentation> augmentations = List.of();
    private Mixing mixing = Mixing.NONE;
    private double labelSmoothing;
    private long seed;
    private int threads = 1;
    private int prefetch = 3;
    private Decoding decoding = Decoding.EXACT;

    private Builder(
        Pictures dataset, Preprocessing preprocessing, int batchSize, boolean training) {
      if (batchSize < 1) {
        throw new IllegalArgumentException("batch size must be at least 1, got " + batchSize);
      }
      this.dataset = dataset;
      this.preprocessing = preprocessing;
      this.batchSize = batchSize;
      this.training = training;
    }

    /**
     * Only some places of each batch: batches have the size of a part, and its places what the
     * whole batch would have there. Where pictures are mixed, their partners in other parts are
     * loaded, too.
     *
     * @param index of the part, from 0
     * @param count of parts of the same size; 1, the whole batch, unless set
     * @return this
     */
    public Builder part(int index, int count) {
      if (count < 1 || index < 0 || index >= count || batchSize % count != 0) {
        throw new IllegalArgumentException(
            "part %d of %d of a batch of %d: parts count from 0 and divide the batch"
                .formatted(index, count, batchSize));
      }
      part = index;
      parts = count;
      return this;
    }

    /**
     * The layout of {@link Batch#images}.
     *
     * @param value NCHW unless set
     * @return this
     */
    public Builder layout(TensorLayout value) {
      layout = value;
      return this;
    }

    /**
     * Changes to the pictures, in this order. What comes out of them must have the network's size;
     * without any, the preprocessing's resize and crop make it so. Maps and boxes follow those that
     * are a {@link io.resfuse.data.augment.Placing}; others must leave pixels at their places.
     *
     * @param value none unless set
     * @return this
     */
    public Builder augmentations(Augmentation... value) {
      augmentations = List.of(value);
      return this;
    }

    /**
     * Mixing of pictures and labels; then batches have {@link Batch#targets}.
     *
     * @param value none unless set
     * @param smoothing of the labels in the targets, 0 for none
     * @return this
     */
    public Builder mixing(Mixing value, double smoothing) {
      if (!(smoothing >= 0 && smoothing <= 1)) {
        throw new IllegalArgumentException("label smoothing is 0 to 1, got " + smoothing);
      }
      mixing = value;
      labelSmoothing = smoothing;
      return this;
    }

    /**
     * The seed of order, augmentation and mixing.
     *
     * @param value 0 unless set
     * @return this
     */
    public Builder seed(long value) {
      seed = value;
      return this;
    }

    /**
     * The number of threads.
     *
     * @param value 1 unless set
     * @return this
     */
    public Builder threads(int value) {
      if (value < 1) {
        throw new IllegalArgumentException("threads must be at least 1, got " + value);
      }
      threads = value;
      return this;
    }

    /**
     * How many batches there may be at a time, the consumer's among them.
     *
     * @param value at least 2; 3 unless set
     * @return this
     */
    public Builder prefetch(int value) {
      if (value < 2) {
        throw new IllegalArgumentException("prefetch must be at least 2, got " + value);
      }
      prefetch = value;
      return this;
    }

    /**
     * How JPEGs are decoded.
     *
     * @param value exact unless set; scaled changes the samples, and where a random part of a
     *     picture is taken its place by less than a pixel of the smaller one. Pictures with maps or
     *     boxes are decoded whole
     * @return this
     */
    public Builder decoding(Decoding value) {
      decoding = value;
      return this;
    }

    /**
     * Makes the loader.
     *
     * @return a new loader
     * @throws DataException if it is for training and the pictures do not fill a batch
     * @throws IllegalArgumentException if pictures with maps or boxes are to be mixed
     */
    public Loader build() {
      return new Loader(this);
    }
  }

  /**
   * The batches of an epoch.
   *
   * @return at least 1
   */
  public int batchesPerEpoch() {
    return training ? dataset.size() / batchSize : (dataset.size() - 1) / batchSize + 1;
  }

  /**
   * Begins an epoch.
   *
   * @param epoch from 0
   * @return its batches, to be closed
   */
  public LoaderEpoch epoch(int epoch) {
    return epoch(epoch, 0);
  }

  /**
   * Resumes an epoch.
   *
   * @param epoch from 0
   * @param firstBatch the first one wanted, 0 to {@link #batchesPerEpoch}
   * @return its batches from there on, to be closed
   */
  public LoaderEpoch epoch(int epoch, int firstBatch) {
    return begin(epoch, firstBatch, true);
  }

  /**
   * The same for engines that normalise on their device: the batches have {@link Batch#pixels} and
   * no {@link Batch#images}.
   *
   * @param epoch from 0
   * @param firstBatch the first one wanted, 0 to {@link #batchesPerEpoch}
   * @return its batches from there on, to be closed
   */
  public LoaderEpoch pixels(int epoch, int firstBatch) {
    return begin(epoch, firstBatch, false);
  }

  private LoaderEpoch begin(int epoch, int firstBatch, boolean normalized) {
    if (firstBatch < 0 || firstBatch > batchesPerEpoch()) {
      throw new IllegalArgumentException(
          "an epoch has " + batchesPerEpoch() + " batches, asked to begin at " + firstBatch);
    }
    return new LoaderEpoch(this, epoch, firstBatch, normalized);
  }

  /**
   * What is done to pictures.
   *
   * @return sizes and normalisation
   */
  public Preprocessing preprocessing() {
    return preprocessing;
  }

  /** The order of an epoch; null for the data set's. */
  int @Nullable [] order(int epoch) {
    return training ? new SampleRandom(seed, epoch, -1).permutation(dataset.size()) : null;
  }

  /** Says once that a picture cannot be read. */
  void unreadable(int sample, ImageException problem) {
    if (named.add(dataset.describe(sample))) {
      log.warn("skipped: {}", problem.getMessage());
    }
  }

  /** Refuses to go on where nothing can be read. */
  void checkReadable(int tried, ImageException last) {
    if (tried >= Math.min(MOST_UNREADABLE_IN_A_ROW, dataset.size())) {
      throw new DataException(
          "%s: %d pictures in a row cannot be read, the last: %s"
              .formatted(dataset.name(), tried, last.getMessage()),
          last);
    }
  }
}
