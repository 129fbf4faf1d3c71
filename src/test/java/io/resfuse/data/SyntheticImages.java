package io.resfuse.data;

import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import java.nio.file.Path;
import java.util.Scanner;

/** Pictures that make_expected.py makes by the same formula, and those of examples/. */
public final class SyntheticImages {
  private SyntheticImages() {}

  public static Image pattern(int width, int height, int channels) {
    byte[] pixels = new byte[width * height * channels];
    int at = 0;
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        for (int c = 0; c < channels; c++) {
          int value = (x * 7 + y * 13 + c * 29 + x * y * 3) % 256;
          if ((x / 5 + y / 3) % 4 == 0) {
            value = 255;
          }
          if ((x / 7 + y / 11) % 5 == 1) {
            value = 0;
          }
          pixels[at++] = (byte) value;
        }
      }
    }
    return switch (channels) {
      case 4 -> Image.rgba(width, height, pixels);
      case 3 -> Image.rgb(width, height, pixels);
      default -> Image.grey(width, height, pixels);
    };
  }

  /** {@code pattern-WIDTHxHEIGHTxCHANNELS} or the name of a file in examples/. */
  public static Image load(String name) {
    if (name.startsWith("pattern-")) {
      Scanner sizes = new Scanner(name.substring("pattern-".length())).useDelimiter("x");
      return pattern(sizes.nextInt(), sizes.nextInt(), sizes.nextInt());
    }
    return new ImageDecoder().read(Path.of("examples", name));
  }
}
