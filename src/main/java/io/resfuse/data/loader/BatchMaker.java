package io.resfuse.data.loader;

import io.resfuse.data.DataException;
import io.resfuse.data.SampleRandom;
import io.resfuse.data.augment.Augmentation;
import io.resfuse.data.augment.Movement;
import io.resfuse.data.augment.Placing;
import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.DetectionDataset;
import io.resfuse.data.dataset.SegmentationDataset;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.Normalization;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Placement;
import io.resfuse.data.image.Preprocessor;
import io.resfuse.data.image.Reduction;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Fills batches of one epoch: one per thread, with scratch of its own. */
final class BatchMaker {
  private final Loader loader;
  private final int epoch;
  private final int @Nullable [] order;
  private final Preprocessor preprocessor;
  private final SampleRandom random = new SampleRandom(0, 0, 0);
  private final PixelScratch scratch = new PixelScratch();
  private final int width;
  private final int height;
  private final int channels;

  /**
   * The pictures of the whole batch, in the network's channels; those that are not needed share.
   */
  private final byte[][] pictures;

  /** Of the whole batch; {@link Batch#NO_PICTURE} where there is none, or none is needed. */
  private final int[] labels;

  private final float[] line;
  private final Movement movement = new Movement();
  private int loadedWidth;
  private int loadedHeight;
  private final AtomicLong unreadable;

  BatchMaker(Loader loader, int epoch, int @Nullable [] order, AtomicLong unreadable) {
    this.unreadable = unreadable;
    this.loader = loader;
    this.epoch = epoch;
    this.order = order;
    this.preprocessor = loader.preprocessing.newPreprocessor();
    this.width = loader.preprocessing.cropWidth();
    this.height = loader.preprocessing.cropHeight();
    this.channels = loader.preprocessing.channels();
    this.pictures = new byte[loader.batchSize][];
    this.labels = new int[loader.batchSize];
    byte[] notNeeded = new byte[loader.preprocessing.floatsPerImage()];
    for (int place = 0; place < pictures.length; place++) {
      pictures[place] = isNeeded(place) ? new byte[notNeeded.length] : notNeeded;
    }
    this.line = new float[width * channels];
  }

  void fill(Batch batch, int index) {
    batch.begin(index);
    Arrays.fill(labels, Batch.NO_PICTURE);
    int first = index * loader.batchSize;
    for (int place = 0; place < loader.batchSize; place++) {
      if (isNeeded(place)
          && (first + place >= loader.dataset.size() || !load(batch, place, first + place))) {
        Arrays.fill(pictures[place], (byte) 0);
        if (isOwn(place)) {
          clear(batch, place - loader.firstPlace);
        }
      }
    }
    double own = 1;
    if (loader.mixing.active()) {
      random.reset(loader.seed, epoch, -2L - index);
      own = loader.mixing.mix(pictures, width, height, channels, random);
    }
    write(batch);
    FloatBuffer targets = batch.targets();
    if (targets != null) {
      writeTargets(targets, own);
    }
  }

  private boolean isOwn(int place) {
    return place >= loader.firstPlace && place < loader.firstPlace + loader.places;
  }

  private boolean isNeeded(int place) {
    return isOwn(place) || (loader.mixing.active() && isOwn(loader.batchSize - 1 - place));
  }

  /** Loads the picture at a position of the order; false if there is none that can be read. */
  private boolean load(Batch batch, int place, int position) {
    int[] shuffled = order;
    for (int tried = 0; ; ) {
      int sample =
          shuffled == null ? position : shuffled[(position + tried) % loader.dataset.size()];
      try {
        loader.preprocessing.normalization().channels().copy(prepared(sample), pictures[place]);
        labels[place] = loader.dataset instanceof Dataset labelled ? labelled.label(sample) : 0;
        if (isOwn(place)) {
          follow(batch, place - loader.firstPlace, sample);
          batch.put(place - loader.firstPlace, sample, labels[place]);
        }
        return true;
      } catch (ImageException e) {
        if (isOwn(place)) {
          unreadable.incrementAndGet();
        }
        tried++;
        loader.unreadable(sample, e);
        if (!loader.training) {
          return false;
        }
        loader.checkReadable(tried, e);
      }
    }
  }

  /** A place without a picture has neither classes nor objects. */
  private void clear(Batch batch, int place) {
    ByteBuffer maps = batch.maps();
    if (maps != null) {
      for (int i = 0; i < width * height; i++) {
        maps.put(place * width * height + i, (byte) SegmentationDataset.IGNORED);
      }
    }
    if (batch.hasBoxes()) {
      batch.boxes(place).clear();
    }
  }

  /** Moves map or boxes where the picture's pixels went. */
  private void follow(Batch batch, int place, int sample) {
    ByteBuffer maps = batch.maps();
    if (maps != null && loader.dataset instanceof SegmentationDataset mapped) {
      Image map = mapped.map(sample);
      if (map.width() != loadedWidth || map.height() != loadedHeight) {
        throw new DataException(
            "%s: has %d x %d pixels, its mask %d x %d"
                .formatted(
                    loader.dataset.describe(sample),
                    loadedWidth,
                    loadedHeight,
                    map.width(),
                    map.height()));
      }
      movement.map(map, maps, place * width * height);
    }
    if (batch.hasBoxes() && loader.dataset instanceof DetectionDataset boxed) {
      batch.boxes(place).clear();
      movement.boxes(boxed.boxes(sample), batch.boxes(place));
    }
  }

  /** A picture that cannot be brought to the network's size is as good as unreadable. */
  private Image prepared(int sample) {
    Reduction needed = (width, height) -> share(sample, width, height);
    boolean alpha = loader.preprocessing.reduction().alpha();
    Image image =
        loader.dataset.image(sample, scratch, loader.decoding.reduction(needed.withAlpha(alpha)));
    try {
      return prepared(sample, image);
    } catch (ArithmeticException | IllegalArgumentException | OutOfMemoryError e) {
      throw new ImageException(
          "%s: a picture of %s cannot be prepared: %s"
              .formatted(loader.dataset.describe(sample), image, e.getMessage()),
          e);
    }
  }

  /** How much of a picture its preparation needs. */
  private double share(int sample, int width, int height) {
    if (loader.augmentations.isEmpty()) {
      return loader.preprocessing.reduction().share(width, height);
    }
    random.reset(loader.seed, epoch, sample);
    return loader.augmentations.get(0).share(width, height, random);
  }

  private Image prepared(int sample, Image image) {
    loadedWidth = image.width();
    loadedHeight = image.height();
    movement.begin(loadedWidth, loadedHeight);
    if (loader.augmentations.isEmpty()) {
      movement.add(preprocessor.placement(loadedWidth, loadedHeight));
      return preprocessor.crop(image);
    }
    random.reset(loader.seed, epoch, sample);
    for (Augmentation augmentation : loader.augmentations) {
      if (augmentation instanceof Placing placing) {
        Placement placement = placing.place(image.width(), image.height(), random);
        movement.add(placement);
        image = placing.apply(image, placement);
      } else {
        image = augmentation.apply(image, random);
      }
    }
    if (image.width() != width || image.height() != height) {
      throw new DataException(
          "%s: the augmentations give %s, the network takes %d x %d; end them with a"
                  .formatted(loader.dataset.describe(sample), image, width, height)
              + " RandomResizedCrop of that size");
    }
    return image;
  }

  private void write(Batch batch) {
    Normalization normalization = loader.preprocessing.normalization();
    int length = width * height * channels;
    for (int place = 0; place < loader.places; place++) {
      batch.pixels().put(place * length, pictures[loader.firstPlace + place], 0, length);
      if (batch.isNormalized()) {
        writeFloats(normalization, batch, place, length);
      }
    }
  }

  private void writeFloats(Normalization normalization, Batch batch, int place, int length) {
    normalization.writeSamples(
        pictures[loader.firstPlace + place],
        width,
        height,
        batch.images(),
        place,
        loader.layout,
        line);
    if (batch.labels()[place] == Batch.NO_PICTURE) {
      for (int i = 0; i < length; i++) {
        batch.images().put(place * length + i, 0);
      }
    }
  }

  /** Smoothed and mixed labels; each row sums to 1. */
  private void writeTargets(FloatBuffer targets, double own) {
    int classes = loader.dataset.classes().size();
    float rest = (float) (loader.labelSmoothing / classes);
    for (int place = 0; place < loader.places; place++) {
      int row = place * classes;
      for (int i = 0; i < classes; i++) {
        targets.put(row + i, rest);
      }
      int inBatch = loader.firstPlace + place;
      int partner = labels[labels.length - 1 - inBatch];
      add(targets, row + labels[inBatch], own * (1 - loader.labelSmoothing));
      add(targets, row + partner, (1 - own) * (1 - loader.labelSmoothing));
    }
  }

  private static void add(FloatBuffer targets, int at, double value) {
    targets.put(at, (float) (targets.get(at) + value));
  }
}
