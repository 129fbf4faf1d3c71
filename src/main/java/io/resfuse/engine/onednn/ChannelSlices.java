package io.resfuse.engine.onednn;

import io.resfuse.engine.EngineException;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.jspecify.annotations.Nullable;

/**
 * A tensor cut into slices of a few hundred pixels, so that sums over a channel's pixels can be
 * taken slice by slice and merged in float64: oneDNN adds all pixels of a channel into one float32,
 * which loses digits with their number.
 *
 * <p>In planes and blocks of channels all slices are one tensor: what is (images, channels, height,
 * width) in memory is (1, images * channels * parts, pixels, 1), too, with a channel for every
 * slice of every channel. In NHWC a slice is a run of pixels. Not thread-safe; its descriptors live
 * in the scope it was given.
 */
final class ChannelSlices {
  /** Float32 sums of so many values are within 4e-7 of float64. */
  private static final int MOST_PIXELS = 512;

  /** Slices of fewer pixels would not be worth their statistics. */
  private static final int LEAST_PIXELS = 32;

  /** Each run costs two calls of oneDNN's. */
  private static final int MOST_RUNS = 4096;

  /**
   * A run of pixels, or all of them with a channel for every slice of every channel.
   *
   * @param desc of (1, statistics, pixels, 1)
   * @param vector of as many statistics
   * @param firstElement where it begins in the tensor
   * @param firstStatistic where its statistics begin among all
   * @param statistics how many it has
   * @param pixels that each of them is of
   */
  record Slice(
      dnnl_memory_desc desc,
      dnnl_memory_desc vector,
      long firstElement,
      int firstStatistic,
      int statistics,
      int pixels) {}

  private final List<Slice> slices;
  private final int channels;
  private final TrainingFormat format;
  private final int block;
  private final int parts;
  private final int statistics;
  private int @Nullable [] channelsOfStatistics;

  /**
   * Statistics are in the order of blocks of channels, in each of them that of parts of the pixels,
   * in each of these that of the block's channels.
   */
  private ChannelSlices(
      List<Slice> slices, int channels, TrainingFormat format, int block, int parts) {
    this.slices = slices;
    this.channels = channels;
    this.format = format;
    this.block = block;
    this.parts = parts;
    Slice last = slices.get(slices.size() - 1);
    this.statistics = last.firstStatistic + last.statistics;
  }

  /**
   * Cuts a tensor.
   *
   * @param scope owns the descriptors
   * @param format how it lies
   * @param type of its elements
   * @param shape (images, channels, height, width)
   * @return null if it has so few pixels that it need not be cut
   */
  static @Nullable ChannelSlices of(Scope scope, TrainingFormat format, int type, Shape shape) {
    int channels = shape.dimension(1);
    long pixels = shape.elements() / channels;
    if (pixels <= MOST_PIXELS) {
      return null;
    }
    if (format == TrainingFormat.CHANNELS_LAST) {
      List<Slice> runs = runs(scope, type, channels, pixels);
      return new ChannelSlices(runs, channels, format, channels, 1);
    }
    int image = shape.dimension(2) * shape.dimension(3);
    int part = partOf(image);
    int parts = image / part;
    long wanted = (long) shape.dimension(0) * channels * parts;
    if (wanted > Integer.MAX_VALUE) {
      throw new EngineException(
          "onednn: a batch norm of "
              + shape
              + " would need "
              + wanted
              + " sums; use a smaller batch");
    }
    int all = (int) wanted;
    dnnl_memory_desc desc = Dnnl.desc(scope, type, format.tag(), 1, all, part, 1);
    Slice whole = new Slice(desc, Dnnl.vector(scope, all), 0, 0, all, part);
    return new ChannelSlices(List.of(whole), channels, format, format.block(), parts);
  }

  private static List<Slice> runs(Scope scope, int type, int channels, long pixels) {
    List<Slice> runs = new ArrayList<>();
    dnnl_memory_desc vector = Dnnl.vector(scope, channels);
    // Errors of many runs cancel, so that each may be longer.
    long most = Math.max(MOST_PIXELS, (pixels + MOST_RUNS - 1) / MOST_RUNS);
    for (long begin = 0; begin < pixels; begin += most) {
      int length = (int) Math.min(most, pixels - begin);
      dnnl_memory_desc desc =
          !runs.isEmpty() && length == most
              ? runs.get(0).desc
              : Dnnl.nhwc(scope, type, 1, channels, length, 1);
      runs.add(new Slice(desc, vector, begin * channels, runs.size() * channels, channels, length));
    }
    return runs;
  }

  /** The pixels of a slice of an image: the most that divide it and are few, if there are such. */
  static int partOf(int pixels) {
    int part = Math.min(pixels, MOST_PIXELS);
    while (pixels % part != 0) {
      part--;
    }
    if (part < Math.min(pixels, LEAST_PIXELS)) {
      part = MOST_PIXELS;
      while (pixels % part != 0) {
        part++;
      }
    }
    return part;
  }

  List<Slice> slices() {
    return slices;
  }

  /** How many statistics there are: one for every slice of every channel. */
  int statistics() {
    return statistics;
  }

  int channels() {
    return channels;
  }

  /** oneDNN's tag of the format that the tensor lies in. */
  int tag() {
    return format.tag();
  }

  /** For every statistic the channel that it is of. */
  int[] channelsOfStatistics() {
    int[] known = channelsOfStatistics;
    if (known != null) {
      return known;
    }
    int[] found = new int[statistics];
    for (int i = 0; i < statistics; i++) {
      found[i] = i / (block * parts) * block % channels + i % block;
    }
    channelsOfStatistics = found;
    return found;
  }

  /** For every statistic the number of pixels that it is of. */
  int[] pixelsOfStatistics() {
    int[] found = new int[statistics];
    for (Slice slice : slices) {
      Arrays.fill(
          found, slice.firstStatistic, slice.firstStatistic + slice.statistics, slice.pixels);
    }
    return found;
  }
}
