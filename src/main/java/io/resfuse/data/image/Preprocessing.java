package io.resfuse.data.image;

import io.resfuse.data.image.Normalization.Channels;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How a network wants its pictures: the short side resized to {@link #resize}, the long side in
 * proportion, the centre of {@link #cropHeight} x {@link #cropWidth} cut out, then normalised.
 * Geometry and rounding are torchvision's {@code Resize(int)} and {@code CenterCrop} on Pillow
 * images, but for {@link LongSide#NEAREST}; where the crop is larger than the resized picture, it
 * is filled with black.
 *
 * <p>Immutable; any thread may use it. {@link #newPreprocessor} gives what does the work, one per
 * thread.
 *
 * @param name in messages
 * @param resize the short side's new size in pixels
 * @param longSide how the long side's new size is rounded
 * @param cropHeight in pixels
 * @param cropWidth in pixels
 * @param filter of the resize
 * @param normalization from samples to floats
 */
public record Preprocessing(
    String name,
    int resize,
    LongSide longSide,
    int cropHeight,
    int cropWidth,
    Resampling filter,
    Normalization normalization) {

  /** How {@code size * long / short} becomes a whole number of pixels. */
  public enum LongSide {
    /** Rounded down, torchvision's way. */
    FLOOR,
    /** Rounded to the nearest, halves up, as scripts for Keras's models usually have it. */
    NEAREST
  }

  private static final String BICUBIC = "-bicubic";
  private static final Pattern SIZED = Pattern.compile("([a-z-]+)@([0-9]+):([0-9]+)");

  /** So that a picture's floats can be counted in an int. */
  private static final int MOST_PIXELS = 16384;

  private static final Map<String, Preprocessing> PRESETS = presets();

  /**
   * Checks the sizes.
   *
   * @param name in messages
   * @param resize the short side's new size in pixels
   * @param longSide how the long side's new size is rounded
   * @param cropHeight in pixels
   * @param cropWidth in pixels
   * @param filter of the resize
   * @param normalization from samples to floats
   * @throws IllegalArgumentException if a size is below 1
   */
  public Preprocessing {
    if (Math.min(resize, Math.min(cropHeight, cropWidth)) < 1
        || Math.max(resize, Math.max(cropHeight, cropWidth)) > MOST_PIXELS) {
      throw new IllegalArgumentException(
          "%s: sizes must be 1 to %d, got resize %d and crop %d x %d"
              .formatted(name, MOST_PIXELS, resize, cropHeight, cropWidth));
    }
  }

  private static Map<String, Preprocessing> presets() {
    Map<String, Preprocessing> all = new LinkedHashMap<>();
    add(
        all,
        "torchvision",
        256,
        LongSide.FLOOR,
        224,
        unit(List.of(0.485f, 0.456f, 0.406f), 0.229f, 0.224f, 0.225f));
    add(
        all,
        "keras-caffe",
        256,
        LongSide.NEAREST,
        224,
        new Normalization(
            Channels.BGR, 1, List.of(103.939f, 116.779f, 123.68f), List.of(1f, 1f, 1f)));
    add(
        all,
        "cifar",
        32,
        LongSide.FLOOR,
        32,
        unit(List.of(0.4914f, 0.4822f, 0.4465f), 0.2470f, 0.2435f, 0.2616f));
    add(all, "fashion-mnist", 28, LongSide.FLOOR, 28, unit(List.of(0.2860f), 0.3530f));
    add(all, "mnist", 28, LongSide.FLOOR, 28, unit(List.of(0.1307f), 0.3081f));
    // For networks that were trained on ImageNet's or CIFAR's pictures in grey: the means of the
    // colours' means and deviations. Alpha goes from 0 to 1.
    add(all, "torchvision-grey", 256, LongSide.FLOOR, 224, unit(List.of(0.449f), 0.226f));
    add(
        all,
        "torchvision-rgba",
        256,
        LongSide.FLOOR,
        224,
        unit(List.of(0.485f, 0.456f, 0.406f, 0f), 0.229f, 0.224f, 0.225f, 1f));
    add(all, "cifar-grey", 32, LongSide.FLOOR, 32, unit(List.of(0.4734f), 0.2507f));
    add(
        all,
        "cifar-rgba",
        32,
        LongSide.FLOOR,
        32,
        unit(List.of(0.4914f, 0.4822f, 0.4465f, 0f), 0.2470f, 0.2435f, 0.2616f, 1f));
    return all;
  }

  private static Normalization unit(List<Float> mean, Float... std) {
    Channels channels =
        switch (mean.size()) {
          case 1 -> Channels.GREY;
          case 3 -> Channels.RGB;
          default -> Channels.RGBA;
        };
    return new Normalization(channels, 255, mean, List.of(std));
  }

  private static void add(
      Map<String, Preprocessing> all,
      String name,
      int resize,
      LongSide longSide,
      int crop,
      Normalization how) {
    all.put(name, new Preprocessing(name, resize, longSide, crop, crop, Resampling.BILINEAR, how));
  }

  /**
   * A preset by its name, or one with other sizes by the name that {@link #withSize} gives it:
   * {@code torchvision@73:64}. A name with {@code -bicubic} behind the preset's ({@code
   * torchvision-bicubic}, {@code torchvision-bicubic@235:224}) is the same with that filter, as
   * Hugging Face's and timm's networks have it.
   *
   * @param name {@code torchvision} (ImageNet: 256, 224, RGB, 0 to 1, mean and deviation), {@code
   *     keras-caffe} (the same geometry, BGR, 0 to 255, mean only), {@code cifar} (32 x 32 RGB),
   *     {@code fashion-mnist} or {@code mnist} (28 x 28 grey); {@code torchvision-grey} and {@code
   *     cifar-grey} for networks with one input channel, {@code torchvision-rgba} and {@code
   *     cifar-rgba} for four
   * @return the preset
   * @throws IllegalArgumentException that lists the names if there is none of that name
   */
  public static Preprocessing of(String name) {
    Matcher sized = SIZED.matcher(name);
    if (sized.matches()) {
      return of(sized.group(1)).withSize(size(sized.group(2)), size(sized.group(3)));
    }
    boolean bicubic = name.endsWith(BICUBIC);
    Preprocessing preset =
        PRESETS.get(bicubic ? name.substring(0, name.length() - BICUBIC.length()) : name);
    if (preset != null && bicubic) {
      return new Preprocessing(
          name,
          preset.resize,
          preset.longSide,
          preset.cropHeight,
          preset.cropWidth,
          Resampling.BICUBIC,
          preset.normalization);
    }
    if (preset == null) {
      throw new IllegalArgumentException(
          "no preprocessing is named '" + name + "'; there are " + String.join(", ", names()));
    }
    return preset;
  }

  private static int size(String digits) {
    // What is longer is too large anyway, and no int.
    return digits.length() > 6 ? Integer.MAX_VALUE : Integer.parseInt(digits);
  }

  /**
   * The presets' names.
   *
   * @return in a fixed order
   */
  public static List<String> names() {
    return List.copyOf(PRESETS.keySet());
  }

  /**
   * The same with other sizes, called {@code NAME@RESIZE:CROP}.
   *
   * @param newResize the short side, at least 1
   * @param newCrop height and width, at least 1
   * @return a new preprocessing
   */
  public Preprocessing withSize(int newResize, int newCrop) {
    String sized = SIZED.matcher(name).replaceFirst("$1") + "@" + newResize + ":" + newCrop;
    return new Preprocessing(sized, newResize, longSide, newCrop, newCrop, filter, normalization);
  }

  /**
   * The same without the crop, for pictures of one size: what is resized runs whole.
   *
   * @param width of the pictures
   * @param height of the pictures
   * @return a new preprocessing, whose crop is the resized picture
   * @throws IllegalArgumentException if that would be too long
   */
  public Preprocessing uncropped(int width, int height) {
    int imageShort = Math.min(width, height);
    return new Preprocessing(
        name,
        resize,
        longSide,
        (int) Math.min(resizedSide(height, imageShort), Integer.MAX_VALUE),
        (int) Math.min(resizedSide(width, imageShort), Integer.MAX_VALUE),
        filter,
        normalization);
  }

  /** {@code size * long / short}, rounded as it is wanted. */
  long resizedSide(int side, int imageShort) {
    double exact = (double) ((long) resize * side) / imageShort;
    return longSide == LongSide.NEAREST ? Math.round(exact) : (long) exact;
  }

  /**
   * The number of channels that it writes.
   *
   * @return 4, 3 or 1
   */
  public int channels() {
    return normalization.channels().count();
  }

  /**
   * What one picture takes in the target.
   *
   * @return floats
   */
  public int floatsPerImage() {
    return Math.multiplyExact(Math.multiplyExact(channels(), cropHeight), cropWidth);
  }

  /**
   * What it needs of pictures.
   *
   * @return so large that none is enlarged that was not, and alpha where the network takes it
   */
  public Reduction reduction() {
    return Reduction.toShorterSide(resize).withAlpha(normalization.channels() == Channels.RGBA);
  }

  /**
   * Whole pictures, as it needs them.
   *
   * @return everything, alpha where the network takes it
   */
  public Reduction wholePictures() {
    return Decoding.EXACT.reduction(reduction());
  }

  /**
   * What does the work.
   *
   * @return a new one with scratch of its own, for one thread
   */
  public Preprocessor newPreprocessor() {
    return new Preprocessor(this);
  }
}
