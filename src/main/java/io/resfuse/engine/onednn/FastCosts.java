package io.resfuse.engine.onednn;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;

/**
 * What a fast convolution takes of the direct one's time. The numbers were derived from times by
 * {@code benchmarks/run convolutions}, for each instruction set, and lie in {@code
 * convolutions.properties}: nothing is measured when a plan is made.
 *
 * @param products of a tile, in the time of a pixel's direct convolution
 * @param weights of the transform of the weights, in the same unit
 * @param transforms of a tile's channels in and out, in the same unit and for one channel
 */
record FastCosts(double products, double weights, double transforms) {
  private static final FastCosts HERE = read(CpuKernels.vectorFloats() >= 16 ? "avx512" : "avx2");

  /** Those of the instruction set in use. */
  static FastCosts here() {
    return HERE;
  }

  private static FastCosts read(String kernels) {
    Properties all = new Properties();
    try (InputStream in = FastCosts.class.getResourceAsStream("convolutions.properties")) {
      all.load(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new FastCosts(
        Double.parseDouble(all.getProperty(kernels + ".products")),
        Double.parseDouble(all.getProperty(kernels + ".weights")),
        Double.parseDouble(all.getProperty(kernels + ".transforms")));
  }

  /**
   * The share of the direct way's time.
   *
   * @param tiles of all images
   * @param pixels of all images
   * @param in channels read
   * @param out channels written
   */
  double share(long tiles, long pixels, int in, int out) {
    double time = (products * tiles) + weights + (transforms * tiles * (1.0 / in + 1.0 / out));
    return time / pixels;
  }
}
