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
   * @param firstElement where it begins in the tensor
   * @param firstStatistic where its statistics begin among all
   * @param statistics how many it has
   * @param pixels that each of them is of
   */
  record Slice(
      dnnl_memory_desc desc, long firstElement, int firstStatistic, int statistics, int pixels) {}

  private final List<Slice> slices;
  private final int channels;
  private final TrainingFormat format;
  private final int parts;
  private final int statistics;
  private int @Nullable [] channelsOfStatistics;

  private ChannelSlices(List<Slice> slices, int channels, TrainingFormat format, int parts) {
    this.slices = slices;
    this.channels = channels;
    this.format = format;
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
      return new ChannelSlices(runs(scope, format, type, channels, pixels), channels, format, 0);
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
    Slice whole = new Slice(Dnnl.desc(scope, type, format.tag(), 1, all, part, 1), 0, 0, all, part);
    return new ChannelSlices(List.of(whole), channels, format, parts);
  }

  private static List<Slice> runs(
      Scope scope, TrainingFormat format, int type, int channels, long pixels) {
    List<Slice> runs = new ArrayList<>();
    // Errors of many runs cancel, so that each may be longer.
    long most = Math.max(MOST_PIXELS, (pixels + MOST_RUNS - 1) / MOST_RUNS);
    for (long begin = 0; begin < pixels; begin += most) {
      int length = (int) Math.min(most, pixels - begin);
      dnnl_memory_desc desc =
          !runs.isEmpty() && length == most
              ? runs.get(0).desc
              : Dnnl.desc(scope, type, format.tag(), 1, channels, length, 1);
      runs.add(new Slice(desc, begin * channels, runs.size() * channels, channels, length));
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
    int block = format.block();
    int[] found = new int[statistics];
    for (int i = 0; i < statistics; i++) {
      found[i] = parts == 0 ? i % channels : i / (block * parts) * block % channels + i % block;
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
