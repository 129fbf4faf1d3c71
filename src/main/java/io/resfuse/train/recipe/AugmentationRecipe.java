package io.resfuse.train.recipe;

import io.resfuse.data.SampleRandom;
import io.resfuse.data.augment.Augmentation;
import io.resfuse.data.augment.ColorJitter;
import io.resfuse.data.augment.HorizontalFlip;
import io.resfuse.data.augment.Mixing;
import io.resfuse.data.augment.PaddedCrop;
import io.resfuse.data.augment.Placing;
import io.resfuse.data.augment.RandomErasing;
import io.resfuse.data.augment.RandomResizedCrop;
import io.resfuse.data.augment.ScaledCrop;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.Placement;
import io.resfuse.data.image.Preprocessing;
import java.util.ArrayList;
import java.util.List;

/**
 * What is done to training pictures, as a recipe states it; 0 or false is off. They come in the
 * order of the components.
 *
 * @param resizedCrop whether a random part is resized to the network's size; without it pictures
 *     are resized and cropped as in evaluation
 * @param minArea least share of the picture's area in that part
 * @param scale the largest factor, above 1, by which the picture is enlarged or reduced at random
 *     before a random part of the network's size is taken ({@link ScaledCrop}), the usual
 *     augmentation of segmentation; in place of the resized crop
 * @param padding of a random crop of the network's size, in pixels
 * @param flip probability of mirroring
 * @param jitter strength of the changes of brightness, contrast and saturation; a quarter of it of
 *     the hue
 * @param erase probability of erasing a rectangle
 * @param mixup alpha
 * @param cutmix alpha
 */
public record AugmentationRecipe(
    boolean resizedCrop,
    double minArea,
    double scale,
    int padding,
    double flip,
    double jitter,
    double erase,
    double mixup,
    double cutmix) {
  private static final int MOST_PADDING = 4096;
  private static final double MOST_SCALE = 16;

  static AugmentationRecipe none() {
    return new AugmentationRecipe(false, 0.08, 0, 0, 0, 0, 0, 0, 0);
  }

  void check(Problems problems) {
    if (!(minArea > 0 && minArea <= 1)) {
      problems.add("augment.min_area must be above 0 and at most 1, got %s", minArea);
    }
    problems.range("augment.scale", scale, 0, MOST_SCALE);
    if (scale > 0 && scale <= 1) {
      problems.add("augment.scale must be above 1, or 0 for none, got %s", scale);
    }
    if (scale > 0 && resizedCrop) {
      problems.add("augment.scale and augment.resized_crop exclude each other; leave one out");
    }
    problems.range("augment.padding", padding, 0, MOST_PADDING);
    problems.range("augment.flip", flip, 0, 1);
    problems.range("augment.jitter", jitter, 0, 1);
    problems.range("augment.erase", erase, 0, 1);
    problems.range("augment.mixup", mixup, 0, Double.MAX_VALUE);
    problems.range("augment.cutmix", cutmix, 0, Double.MAX_VALUE);
  }

  /**
   * Whether it leaves pictures as they are.
   *
   * @return true if all is off
   */
  public boolean isNone() {
    return equals(new AugmentationRecipe(false, minArea, 0, 0, 0, 0, 0, 0, 0));
  }

  /**
   * How pictures of a batch are mixed.
   *
   * @return the strengths of mixup and cutmix
   */
  public Mixing mixing() {
    return new Mixing(mixup, cutmix);
  }

  /**
   * The changes for a network's size.
   *
   * @param preprocessing how pictures are prepared without them
   * @return in their order; empty if there are none
   */
  public Augmentation[] augmentations(Preprocessing preprocessing) {
    List<Augmentation> list = new ArrayList<>();
    int height = preprocessing.cropHeight();
    int width = preprocessing.cropWidth();
    if (resizedCrop) {
      list.add(
          new RandomResizedCrop(
              height, width, minArea, 1, 3.0 / 4, 4.0 / 3, preprocessing.filter()));
    } else if (scale > 0) {
      list.add(new ScaledCrop(height, width, 1 / scale, scale, preprocessing.filter()));
    } else if (padding > 0 || flip > 0 || jitter > 0 || erase > 0) {
      list.add(new Fitted(preprocessing));
    }
    if (padding > 0) {
      list.add(new PaddedCrop(padding));
    }
    if (flip > 0) {
      list.add(new HorizontalFlip(flip));
    }
    if (jitter > 0) {
      list.add(new ColorJitter(jitter, jitter, jitter, jitter / 4));
    }
    if (erase > 0) {
      list.add(new RandomErasing(erase, meanSample(preprocessing)));
    }
    return list.toArray(Augmentation[]::new);
  }

  private static int meanSample(Preprocessing preprocessing) {
    double sum = 0;
    List<Float> means = preprocessing.normalization().mean();
    for (float mean : means) {
      sum += mean * preprocessing.normalization().divisor();
    }
    return (int) Math.round(sum / means.size());
  }

  /** Resizes and crops as evaluation does, so that what follows sees the network's size. */
  private static final class Fitted implements Placing {
    private final Preprocessing preprocessing;

    Fitted(Preprocessing preprocessing) {
      this.preprocessing = preprocessing;
    }

    @Override
    public double share(int width, int height, SampleRandom random) {
      return Math.max(
          (double) Math.max(preprocessing.resize(), preprocessing.cropWidth()) / width,
          (double) Math.max(preprocessing.resize(), preprocessing.cropHeight()) / height);
    }

    @Override
    public Placement place(int imageWidth, int imageHeight, SampleRandom random) {
      int width = preprocessing.cropWidth();
      int height = preprocessing.cropHeight();
      if (imageWidth == width && imageHeight == height) {
        return Placement.whole(width, height, false);
      }
      double scale = share(imageWidth, imageHeight, random);
      int newWidth = Math.max((int) Math.round(imageWidth * scale), width);
      int newHeight = Math.max((int) Math.round(imageHeight * scale), height);
      return new Placement(
          new Placement.Part(0, 0, imageWidth, imageHeight),
          newWidth,
          newHeight,
          (width - newWidth) / 2,
          (height - newHeight) / 2,
          width,
          height,
          false);
    }

    @Override
    public Image apply(Image image, Placement placement) {
      if (image.width() == placement.width() && image.height() == placement.height()) {
        return image;
      }
      return image
          .resized(
              (int) placement.scaledWidth(), (int) placement.scaledHeight(), preprocessing.filter())
          .cropped(
              (int) -placement.toLeft(),
              (int) -placement.toTop(),
              placement.width(),
              placement.height());
    }
  }
}
