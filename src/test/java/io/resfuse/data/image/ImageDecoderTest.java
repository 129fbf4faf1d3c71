package io.resfuse.data.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.data.Expected;
import java.io.ByteArrayInputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ImageDecoderTest {
  private static final List<String> EXAMPLES = List.of("chelsea.png", "china.jpg", "coffee.png");

  private final ImageDecoder decoder = new ImageDecoder();

  static Stream<String[]> exactPictures() {
    return Expected.table("pictures.txt").stream().filter(row -> !row[0].startsWith("lossy"));
  }

  private Image decode(String name) {
    return EXAMPLES.contains(name)
        ? decoder.read(Path.of("examples", name))
        : decoder.decode(Expected.resource("pictures/" + name), name);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("exactPictures")
  void equalsPillowBitForBit(String name, int width, int height, String crc) {
    Image image = decode(name);
    assertThat(image).hasToString(width + " x " + height + " RGB");
    assertThat(Expected.crc(image.pixels())).isEqualTo(crc);
  }

  static Stream<String[]> picturesWithAlpha() {
    return Expected.table("alpha.txt").stream();
  }

  private Image decodeWithAlpha(String name) {
    byte[] contents = Expected.resource("pictures/" + name);
    return decoder.decode(contents, name, Reduction.NONE.withAlpha(true));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("picturesWithAlpha")
  void alphaEqualsPillows(String name, int width, int height, String crc) {
    Image image = decodeWithAlpha(name);
    assertThat(image).hasToString(width + " x " + height + " RGBA");
    byte[] pixels = image.pixels();
    byte[] colours = new byte[3 * width * height];
    byte[] alpha = new byte[width * height];
    for (int i = 0; i < alpha.length; i++) {
      System.arraycopy(pixels, 4 * i, colours, 3 * i, 3);
      alpha[i] = pixels[4 * i + 3];
    }
    assertThat(Expected.crc(name.startsWith("lossy") ? alpha : pixels)).isEqualTo(crc);
    assertThat(colours).isEqualTo(decode(name).pixels());
  }

  @Test
  void picturesWithoutAlphaHaveThreeChannels() {
    for (String name :
        List.of("rgb.png", "palette-4.png", "baseline-420.jpg", "plain.gif", "lossless.webp")) {
      assertThat(decodeWithAlpha(name).pixels()).as(name).isEqualTo(decode(name).pixels());
    }
  }

  /**
   * TwelveMonkeys takes the nearest chroma sample where libwebp interpolates, so colours differ at
   * edges; a grey picture, which has none, may differ by rounding only.
   */
  @ParameterizedTest
  @MethodSource
  void lossyWebpIsCloseToLibwebp(String name, int most, double mean) {
    byte[] expected = Expected.resource("pictures/" + name + ".rgb");
    byte[] pixels = decode(name).pixels();
    assertThat(pixels).hasSameSizeAs(expected);
    long sum = 0;
    for (int i = 0; i < pixels.length; i++) {
      int difference = Math.abs((pixels[i] & 0xff) - (expected[i] & 0xff));
      assertThat(difference).as("byte %d", i).isLessThanOrEqualTo(most);
      sum += difference;
    }
    assertThat((double) sum / pixels.length).isLessThan(mean);
  }

  static Stream<Object[]> lossyWebpIsCloseToLibwebp() {
    return Stream.of(
        new Object[] {"lossy-grey.webp", 1, 0.01},
        new Object[] {"lossy-gradient.webp", 8, 0.5},
        new Object[] {"lossy.webp", 16, 1.5},
        new Object[] {"lossy-alpha.webp", 16, 1.5});
  }

  @Test
  void contentsDecideNotTheName(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("really-a-jpeg.png");
    Files.write(file, Expected.resource("pictures/baseline-420.jpg"));
    assertThat(decoder.read(file).pixels()).isEqualTo(decode("baseline-420.jpg").pixels());
  }

  @Test
  void streamsAreRead() {
    byte[] file = Expected.resource("pictures/rgb.png");
    assertThat(decoder.read(new ByteArrayInputStream(file), "standard input").pixels())
        .isEqualTo(decode("rgb.png").pixels());
  }

  @Test
  void orientationsOfOnePictureAgree() {
    Image upright = decode("orientation-1.jpg");
    Image halfTurn = decode("orientation-3.jpg");
    for (int y = 0; y < upright.height(); y++) {
      for (int x = 0; x < upright.width(); x++) {
        assertThat(halfTurn.sample(23 - x, 16 - y, 1)).isEqualTo(upright.sample(x, y, 1));
      }
    }
  }

  @Test
  void missingFilesAndFoldersAreNamed(@TempDir Path folder) {
    Path missing = folder.resolve("missing.png");
    assertThatThrownBy(() -> decoder.read(missing))
        .isInstanceOf(ImageException.class)
        .hasMessage(missing + ": no such file");
    assertThatThrownBy(() -> decoder.read(folder))
        .isInstanceOf(ImageException.class)
        .hasMessage(folder + ": cannot be read: is a folder, not a picture");
  }

  @Test
  void textNamedPngIsRefused(@TempDir Path folder) throws Exception {
    Path file = folder.resolve("text.png");
    Files.writeString(file, "Hello, world\n");
    assertThatThrownBy(() -> decoder.read(file))
        .isInstanceOf(ImageException.class)
        .hasMessage(
            file
                + ": starts with 'Hello, world'; a JPEG, PNG, GIF, BMP or WebP picture was"
                + " expected");
    assertThatThrownBy(() -> decoder.decode(new byte[0], "empty.png"))
        .isInstanceOf(ImageException.class)
        .hasMessageStartingWith("empty.png: is empty");
  }

  static Stream<String> allPictures() {
    return Expected.table("pictures.txt").stream()
        .map(row -> row[0])
        .filter(name -> !EXAMPLES.contains(name));
  }

  /** Cut anywhere, a file gives an error that names it. */
  @ParameterizedTest
  @MethodSource("allPictures")
  void truncatedFilesAreRefused(String name) {
    byte[] file = Expected.resource("pictures/" + name);
    for (int length : new int[] {12, 30, file.length / 4, file.length / 2, file.length * 9 / 10}) {
      byte[] cut = Arrays.copyOf(file, Math.min(length, file.length - 1));
      if (name.startsWith("animated") && length > file.length / 4) {
        continue; // what is cut is not of the first frame
      }
      assertThatThrownBy(() -> decoder.decode(cut, name))
          .as("%d of %d bytes", cut.length, file.length)
          .isInstanceOf(ImageException.class)
          .hasMessageStartingWith(name + ": ");
    }
  }

  @Test
  void absurdSizesAreRefusedBeforeDecoding() {
    byte[] png = Expected.resource("pictures/rgb.png");
    putInt(png, 16, 20_000);
    putInt(png, 20, 20_000);
    assertThatThrownBy(() -> decoder.decode(png, "huge.png"))
        .isInstanceOf(ImageException.class)
        .hasMessage(
            "huge.png: cannot be read as PNG: its size is 20000 x 20000 pixels, the limit is"
                + " 200000000; ImageDecoder.withMaxPixels sets it");
    byte[] jpeg = Expected.resource("pictures/baseline-444.jpg");
    int frame = indexOf(jpeg, 0xff, 0xc0);
    putInt(jpeg, frame + 5, 20_000 << 16 | 20_000);
    assertThatThrownBy(() -> decoder.decode(jpeg, "huge.jpg"))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("20000 x 20000 pixels, the limit is 200000000");
    // Within the limit, but not within what so short a file can hold.
    putInt(jpeg, frame + 5, 10_000 << 16 | 10_000);
    assertThatThrownBy(() -> decoder.decode(jpeg, "huge.jpg"))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("cannot hold 10000 x 10000 pixels");
  }

  @Test
  void theLimitCanBeSet() {
    byte[] png = Expected.resource("pictures/rgb.png");
    assertThat(decoder.withMaxPixels(61 * 47).decode(png, "rgb.png").width()).isEqualTo(61);
    assertThatThrownBy(() -> decoder.withMaxPixels(61 * 47 - 1).decode(png, "rgb.png"))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("61 x 47 pixels, the limit is 2866");
  }

  @Test
  void aFlippedBitInAPngIsSeen() {
    byte[] png = Expected.resource("pictures/rgb.png");
    png[png.length / 2] ^= 16;
    assertThatThrownBy(() -> decoder.decode(png, "flipped.png"))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("wrong checksum of the chunk");
  }

  @Test
  void formatsThatLibjpegCannotReadAreNamed() {
    byte[] jpeg = Expected.resource("pictures/baseline-444.jpg");
    jpeg[indexOf(jpeg, 0xff, 0xc0) + 1] = (byte) 0xc9;
    assertThatThrownBy(() -> decoder.decode(jpeg, "arithmetic.jpg"))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("arithmetic-coded JPEGs are not supported; convert it to PNG");
  }

  private static void putInt(byte[] target, int at, int value) {
    ByteBuffer.wrap(target).putInt(at, value);
  }

  private static int indexOf(byte[] file, int first, int second) {
    for (int i = 0; i < file.length - 1; i++) {
      if ((file[i] & 0xff) == first && (file[i + 1] & 0xff) == second) {
        return i;
      }
    }
    throw new AssertionError("not found");
  }
}
