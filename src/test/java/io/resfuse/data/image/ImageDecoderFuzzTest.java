package io.resfuse.data.image;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.resfuse.data.Expected;
import java.lang.management.ManagementFactory;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever the bytes, the decoder answers with a picture or an {@link ImageException}. Without
 * {@code JAZZER_FUZZ=1} this runs on the seed corpus only.
 */
class ImageDecoderFuzzTest {
  /** Processor time that no file of these sizes may take, instrumented or not. */
  private static final long MOST_NANOS = 20_000_000_000L;

  private static final ImageDecoder DECODER = new ImageDecoder().withMaxPixels(4_000_000);

  static Stream<byte[]> seeds() {
    return Expected.table("pictures.txt").stream()
        .map(row -> row[0])
        .filter(name -> Expected.class.getResource("pictures/" + name) != null)
        .map(name -> Expected.resource("pictures/" + name));
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = "30s")
  void picturesOrImageExceptions(byte[] file) {
    long start = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    decode(file, Reduction.NONE);
    decode(file, Reduction.NONE.withAlpha(true));
    if (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - start > MOST_NANOS) {
      throw new AssertionError("too slow for a file of " + file.length + " bytes");
    }
  }

  private static void decode(byte[] file, Reduction needed) {
    try {
      DECODER.decode(file, "fuzz", needed);
    } catch (ImageException expected) {
      if (expected.getCause() instanceof OutOfMemoryError) {
        throw new AssertionError("a file of " + file.length + " bytes", expected);
      }
    }
  }
}
