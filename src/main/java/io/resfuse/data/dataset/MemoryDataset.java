package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.image.Image;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Small pictures of one size, kept in memory: a byte per sample. */
final class MemoryDataset implements Dataset {
  private final String name;
  private final @Nullable String preset;
  private final List<String> classes;
  private final byte[] labels;
  private final byte[] pixels;
  private final int width;
  private final int height;
  private final int channels;

  /**
   * A data set.
   *
   * @param preset that was made for it; null for none
   * @param labels unsigned bytes
   * @param pixels (picture, height, width, channel)
   * @param where what to name if a label is out of range
   */
  MemoryDataset(
      String name,
      @Nullable String preset,
      List<String> classes,
      byte[] labels,
      byte[] pixels,
      int width,
      int height,
      int channels,
      Object where) {
    this.name = name;
    this.preset = preset;
    this.classes = List.copyOf(classes);
    this.labels = labels;
    this.pixels = pixels;
    this.width = width;
    this.height = height;
    this.channels = channels;
    for (int i = 0; i < labels.length; i++) {
      if ((labels[i] & 0xff) >= classes.size()) {
        throw new DataException(
            "%s: label %d is %d, there are %d classes"
                .formatted(where, i, labels[i] & 0xff, classes.size()));
      }
    }
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public @Nullable String preset() {
    return preset;
  }

  @Override
  public int size() {
    return labels.length;
  }

  @Override
  public List<String> classes() {
    return classes;
  }

  @Override
  public int label(int index) {
    return labels[index] & 0xff;
  }

  @Override
  public Image image(int index) {
    int length = width * height * channels;
    byte[] picture = new byte[length];
    System.arraycopy(pixels, index * length, picture, 0, length);
    return channels == 3 ? Image.rgb(width, height, picture) : Image.grey(width, height, picture);
  }
}
