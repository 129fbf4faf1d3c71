package io.resfuse.data.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.data.Expected;
import io.resfuse.data.image.JpegDecoder.FastDecoder;
import io.resfuse.data.image.Resampler.Box;
import io.resfuse.data.image.Resampler.Window;
import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PictureKernelsTest {
  private static final long MAX_PIXELS = 4_000_000;
  private static final FastDecoder JDK = (coded, ycc, width, height, eighths, scratch) -> null;

  @BeforeEach
  void wantsTheLibrary() {
    assumeTrue(PictureKernels.areThere(), "the library for pictures is not there");
    assumeTrue(PictureKernels.decodeJpegs(), "there is no libjpeg-turbo for this platform");
  }

  static Stream<String> jpegs() {
    return Expected.table("pictures.txt").stream()
        .map(row -> row[0])
        .filter(name -> name.endsWith(".jpg"));
  }

  private static byte[] read(String name) throws IOException {
    return name.equals("china.jpg")
        ? Files.readAllBytes(Path.of("examples", name))
        : Expected.resource("pictures/" + name);
  }

  @ParameterizedTest
  @MethodSource("jpegs")
  void equalsTheJdk(String name) throws IOException {
    byte[] file = read(name);
    AtomicInteger decoded = new AtomicInteger();
    FastDecoder turbo =
        (coded, ycc, width, height, eighths, scratch) -> {
          byte[] rgb = PictureKernels.decode(coded, ycc, width, height, eighths, scratch);
          decoded.addAndGet(rgb == null ? 0 : 1);
          return rgb;
        };
    Image fast = JpegDecoder.decode(file, MAX_PIXELS, new PixelScratch(), Reduction.NONE, turbo);
    Image slow = JpegDecoder.decode(file, MAX_PIXELS, new PixelScratch(), Reduction.NONE, JDK);
    assertThat(fast).hasToString(slow.toString());
    assertThat(fast.pixels()).isEqualTo(slow.pixels());
    boolean fourComponents = name.startsWith("cmyk") || name.startsWith("ycck");
    assertThat(decoded).hasValue(fourComponents ? 0 : 1);
  }

  /** Whatever is wrong with a file, the answer is that of the JDK's decoder. */
  @Test
  void damagedFilesGetTheSameAnswer() throws IOException {
    List<String> names = jpegs().filter(name -> !name.equals("china.jpg")).toList();
    Random random = new Random(1);
    int refused = 0;
    for (int i = 0; i < 600; i++) {
      byte[] file = read(names.get(random.nextInt(names.size()))).clone();
      for (int change = random.nextInt(4); change >= 0; change--) {
        file[random.nextInt(file.length)] = (byte) random.nextInt(256);
      }
      Object fast = answer(file, PictureKernels::decode);
      assertThat(fast).isEqualTo(answer(file, JDK));
      refused += fast instanceof String ? 1 : 0;
    }
    assertThat(refused).isBetween(100, 500);
  }

  private static Object answer(byte[] file, FastDecoder decoder) {
    try {
      Image image =
          JpegDecoder.decode(file, MAX_PIXELS, new PixelScratch(), Reduction.NONE, decoder);
      return List.of(image.toString(), Expected.crc(image.pixels()));
    } catch (IOException | RuntimeException e) {
      return String.valueOf(e.getMessage());
    }
  }

  @Test
  void wantsTheSizeOfTheHeader() throws IOException {
    byte[] file = read("baseline-420.jpg");
    assertThat(PictureKernels.decode(file, true, 61, 46, 8, new PixelScratch())).isNull();
    assertThat(PictureKernels.decode(file, true, 60, 47, 8, new PixelScratch())).isNull();
    assertThat(PictureKernels.decode(file, true, 61, 47, 8, new PixelScratch())).isNotNull();
  }

  /** Boxes and windows of all kinds, grey and colour, into a target with something around it. */
  @Test
  void resizesAsInJava() {
    Random random = new Random(2);
    for (int i = 0; i < 400; i++) {
      int width = 1 + random.nextInt(90);
      int height = 1 + random.nextInt(90);
      int channels = random.nextBoolean() ? 3 : 1;
      byte[] pixels = new byte[width * height * channels];
      random.nextBytes(pixels);
      Image image =
          channels == 3 ? Image.rgb(width, height, pixels) : Image.grey(width, height, pixels);
      int left = random.nextInt(width);
      int top = random.nextInt(height);
      Box box =
          new Box(left, top, 1 + random.nextInt(width - left), 1 + random.nextInt(height - top));
      int outWidth = 1 + random.nextInt(100);
      int outHeight = 1 + random.nextInt(100);
      int x = random.nextInt(outWidth);
      int y = random.nextInt(outHeight);
      Window window =
          new Window(
              outWidth,
              outHeight,
              x,
              y,
              1 + random.nextInt(outWidth - x),
              1 + random.nextInt(outHeight - y));
      Resampling filter = random.nextBoolean() ? Resampling.BILINEAR : Resampling.BICUBIC;
      int stride = window.width() * channels + random.nextInt(7);
      byte[] expected = new byte[stride * window.height() + 5];
      random.nextBytes(expected);
      byte[] found = expected.clone();
      new Resampler(false).resample(image, box, window, filter, expected, 5, stride);
      new Resampler(true).resample(image, box, window, filter, found, 5, stride);
      assertThat(found).as("%s of %s to %s", box, image, window).isEqualTo(expected);
    }
  }

  @Test
  void resizesNothingBeyondItsArrays() {
    Image image = Image.grey(8, 8, new byte[64]);
    ResampleWeights four = ResampleWeights.of(8, 4, 0, 4, Resampling.BILINEAR);
    byte[] target = new byte[16];
    PictureKernels.resample(image, 0, 0, four, four, target, 0, 4);
    assertThatThrownBy(() -> PictureKernels.resample(image, 1, 0, four, four, target, 0, 4))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> PictureKernels.resample(image, 0, 1, four, four, target, 0, 4))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> PictureKernels.resample(image, 0, 0, four, four, target, 1, 4))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> PictureKernels.resample(image, 0, 0, four, four, target, 0, 5))
        .isInstanceOf(IndexOutOfBoundsException.class);
  }

  /** Without Leptonica the JDK decodes: no class of ours fails to load. */
  @Test
  void isOptional() throws Exception {
    URL[] classPath =
        Arrays.stream(classPath().split(File.pathSeparator, -1))
            .filter(entry -> !entry.contains("leptonica"))
            .map(PictureKernelsTest::url)
            .toArray(URL[]::new);
    try (URLClassLoader loader =
        new URLClassLoader(classPath, ClassLoader.getPlatformClassLoader())) {
      Class<?> decoder = loader.loadClass(ImageDecoder.class.getName());
      Object instance = decoder.getConstructor().newInstance();
      for (int i = 0; i < 20; i++) {
        Object image =
            decoder
                .getMethod("decode", byte[].class, String.class)
                .invoke(instance, read("baseline-420.jpg"), "baseline-420.jpg");
        assertThat(image).hasToString("61 x 47 RGB");
      }
    }
  }

  /** Surefire's own class path is a jar that only names the others. */
  private static String classPath() {
    return System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
  }

  private static URL url(String entry) {
    try {
      return new File(entry).toURI().toURL();
    } catch (IOException e) {
      throw new IllegalArgumentException(entry, e);
    }
  }
}
