package io.resfuse.data.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.data.Expected;
import io.resfuse.data.image.JpegDecoder.FastDecoder;
import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class TurboJpegTest {
  private static final long MAX_PIXELS = 4_000_000;
  private static final FastDecoder JDK = (coded, ycc, width, height, scratch) -> null;

  @BeforeEach
  void wantsTheLibrary() {
    assumeTrue(TurboJpeg.isLoaded(), "Leptonica has no library for this platform");
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
        (coded, ycc, width, height, scratch) -> {
          byte[] rgb = TurboJpeg.decodeNow(coded, ycc, width, height, scratch);
          decoded.addAndGet(rgb == null ? 0 : 1);
          return rgb;
        };
    Image fast = JpegDecoder.decode(file, MAX_PIXELS, new PixelScratch(), turbo);
    Image slow = JpegDecoder.decode(file, MAX_PIXELS, new PixelScratch(), JDK);
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
      Object fast = answer(file, TurboJpeg::decodeNow);
      assertThat(fast).isEqualTo(answer(file, JDK));
      refused += fast instanceof String ? 1 : 0;
    }
    assertThat(refused).isBetween(100, 500);
  }

  private static Object answer(byte[] file, FastDecoder decoder) {
    try {
      Image image = JpegDecoder.decode(file, MAX_PIXELS, new PixelScratch(), decoder);
      return List.of(image.toString(), Expected.crc(image.pixels()));
    } catch (IOException | RuntimeException e) {
      return String.valueOf(e.getMessage());
    }
  }

  @Test
  void loadsNoSecondOpenMp() throws IOException {
    Path maps = Path.of("/proc/self/maps");
    assumeTrue(Files.exists(maps), "no /proc");
    org.bytedeco.javacpp.Loader.load(org.bytedeco.dnnl.global.dnnl.class);
    Set<String> files = new HashSet<>();
    for (String line : Files.readAllLines(maps)) {
      if (line.contains("libgomp")) {
        files.add(line.substring(line.indexOf('/')));
      }
    }
    assertThat(files).hasSize(1);
  }

  /** Without Leptonica the JDK decodes: no class of ours fails to load. */
  @Test
  void isOptional() throws Exception {
    URL[] classPath =
        Arrays.stream(classPath().split(File.pathSeparator, -1))
            .filter(entry -> !entry.contains("leptonica"))
            .map(TurboJpegTest::url)
            .toArray(URL[]::new);
    try (URLClassLoader loader =
        new URLClassLoader(classPath, ClassLoader.getPlatformClassLoader())) {
      assertThatThrownBy(() -> loader.loadClass("org.bytedeco.leptonica.PIX"))
          .isInstanceOf(ClassNotFoundException.class);
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
