package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.dnnl_Abcd16a;
import static org.bytedeco.dnnl.global.dnnl.dnnl_Abcd8a;

import io.resfuse.platform.CpuCaches;
import java.util.Arrays;
import java.util.stream.LongStream;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.javacpp.LongPointer;

/**
 * A convolution by 3x3 with stride 1 and padding 1 by Winograd's F(4x4, 3x3), in kernels of our
 * own: a quarter of the products, in exchange for transforms of image, weights and result. The
 * formulas are in {@code native/cpu/src/winograd.h}. Immutable.
 *
 * @param images in the batch
 * @param in channels read
 * @param out channels written
 * @param height of both
 * @param width of both
 * @param block channels that lie together, 0 for NHWC
 * @param gradient whether it is the gradient of an input: of the convolution whose weights it uses
 *     {@code out} were read and {@code in} written
 * @param threads that share the work
 * @param caches of a thread, by which work is cut; no bit of a result depends on them
 * @param statistics whether it gives the mean and the variance of each channel that it writes
 */
record FastConvolution(
    int images,
    int in,
    int out,
    int height,
    int width,
    int block,
    boolean gradient,
    int threads,
    CpuCaches caches,
    boolean statistics) {
  private static final int TILE = 4;

  /**
   * The gradient of the weights has parts that do not grow with the tiles: with fewer products at
   * each of the 36 positions these outweigh what is saved.
   */
  private static final long LEAST_GRADIENT_PRODUCTS = 500_000;

  /** Whether the kernels, which work on vectors of channels, can do it. */
  boolean fits() {
    return in % vector() == 0 && out % vector() == 0;
  }

  /** The gradient of its input, which is such a convolution of the gradient of its result. */
  FastConvolution backward() {
    return new FastConvolution(images, out, in, height, width, block, true, threads, caches, false);
  }

  /** This convolution with the statistics of its result. */
  FastConvolution withStatistics() {
    return new FastConvolution(
        images, in, out, height, width, block, gradient, threads, caches, true);
  }

  private long tiles() {
    return (long) images * ((height + TILE - 1) / TILE) * ((width + TILE - 1) / TILE);
  }

  /** Whether it should be faster than direct convolution. */
  boolean isWorthIt() {
    long pixels = (long) images * height * width;
    return FastCosts.here().share(tiles(), pixels, in, out) < 1;
  }

  /** Whether the gradient of its weights should be faster than by oneDNN, too. */
  boolean isGradientWorthIt() {
    return (long) in * out * tiles() >= LEAST_GRADIENT_PRODUCTS;
  }

  private int vector() {
    if (block > 0) {
      return block;
    }
    boolean wide = CpuKernels.vectorFloats() >= 16 && in % 16 == 0 && out % 16 == 0;
    return wide ? 16 : 8;
  }

  /** How the weights of the convolution must lie. */
  dnnl_memory_desc weights(Scope scope) {
    dnnl_memory_desc panels =
        Dnnl.desc(scope, Dnnl.F32, vector() == 16 ? dnnl_Abcd16a : dnnl_Abcd8a, out, in, 3, 3);
    return gradient ? Dnnl.permuted(scope, panels, 1, 0, 2, 3) : panels;
  }

  /** The size of the scratch memory. */
  long scratchBytes() {
    try (LongPointer size = new LongPointer(size())) {
      return CpuKernels.winogradScratchFloats(size.address()) * Float.BYTES;
    }
  }

  /**
   * Where the tensors of a convolution begin: addresses, 0 for those that it has not.
   *
   * @param x what is read
   * @param weights as {@link #weights} has them
   * @param bias for each channel written
   * @param residual what is added; like the result
   * @param result may be that of the residual
   * @param mean of each channel of the result; with {@link #statistics} only
   * @param variance biased; as the mean
   * @param scratch {@link #scratchBytes}
   */
  record Addresses(
      long x,
      long weights,
      long bias,
      long residual,
      long result,
      long mean,
      long variance,
      long scratch) {}

  /**
   * Convolves.
   *
   * @param scope owns the arguments
   * @param at where the tensors are
   * @param relu whether negative values become 0
   * @return does it, and allocates nothing
   */
  Runnable convolve(Scope scope, Addresses at, boolean relu) {
    long arguments =
        arguments(
                scope,
                at.x,
                at.weights,
                at.bias,
                at.residual,
                at.result,
                at.scratch,
                at.mean,
                at.variance,
                relu ? 1 : 0,
                gradient ? 1 : 0)
            .address();
    return () -> CpuKernels.winogradConvolve(arguments);
  }

  /** The size of the scratch memory of {@link #weightGradient}. */
  long gradientScratchBytes() {
    try (LongPointer size = new LongPointer(size())) {
      return CpuKernels.winogradGradientScratchFloats(size.address()) * Float.BYTES;
    }
  }

  /**
   * The gradient of the weights.
   *
   * @param scope owns the arguments
   * @param x address of what was read
   * @param dy address of the gradient of the result
   * @param gradient address of the result, as in a file: (out, in, 3, 3)
   * @param accumulate whether the result is added to what is there
   * @param scratch address of {@link #gradientScratchBytes}
   * @return does it, and allocates nothing
   */
  Runnable weightGradient(
      Scope scope, long x, long dy, long gradient, boolean accumulate, long scratch) {
    long arguments = arguments(scope, x, dy, gradient, scratch, accumulate ? 1 : 0).address();
    return () -> CpuKernels.winogradGradient(arguments);
  }

  /** {@code WinogradSize}. */
  private long[] size() {
    return new long[] {
      images,
      in,
      out,
      height,
      width,
      block,
      vector(),
      threads,
      caches.first(),
      caches.second(),
      statistics ? 1 : 0
    };
  }

  /** The size, and what follows it. */
  private LongPointer arguments(Scope scope, long... others) {
    return scope.ownAllocated(
        new LongPointer(LongStream.concat(Arrays.stream(size()), Arrays.stream(others)).toArray()));
  }

  /** What reports call it. */
  String implementation() {
    return CpuKernels.implementation("winograd");
  }

  /** What they call {@link #weightGradient}. */
  String gradientImplementation() {
    return CpuKernels.implementation("winograd_weights");
  }
}
