package io.resfuse.engine.onednn;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.LongPointer;

/**
 * A convolution by 3x3 with stride 1 and padding 1 by Winograd's F(4x4, 3x3), in kernels of our
 * own: a quarter of the products, in exchange for transforms of image, weights and result, and for
 * weights of four times the size. The formulas are in {@code native/cpu/src/winograd.h}. Immutable.
 *
 * @param images in the batch
 * @param in channels read
 * @param out channels written
 * @param height of both
 * @param width of both
 * @param block channels that lie together, 0 for NHWC
 * @param threads that share the work
 */
record FastConvolution(int images, int in, int out, int height, int width, int block, int threads) {
  private static final int TILE = 4;

  /**
   * The transformed weights have 144 bytes for each pair of channels, and each tile 72 operations:
   * with fewer tiles than this, loading the weights takes longer than the products that it saves.
   */
  private static final long LEAST_TILES = 32;

  /** Of the products of direct convolution, tiles that reach over the border may need so many. */
  private static final double MOST_PRODUCTS = 0.45;

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
    return new FastConvolution(images, out, in, height, width, block, threads);
  }

  private long tiles() {
    return (long) images * ((height + TILE - 1) / TILE) * ((width + TILE - 1) / TILE);
  }

  /** Whether it should be faster than direct convolution. */
  boolean isWorthIt() {
    double products = 36.0 * tiles() / (9.0 * images * height * width);
    return tiles() >= LEAST_TILES && products <= MOST_PRODUCTS;
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

  /** The size of the transformed weights. */
  long weightBytes() {
    return CpuKernels.winogradWeightFloats(in, out) * Float.BYTES;
  }

  /** The size of the scratch memory. */
  long scratchBytes() {
    return CpuKernels.winogradScratchFloats(in, out, threads) * Float.BYTES;
  }

  /**
   * Transforms weights.
   *
   * @param scope owns the arguments
   * @param weights where they lie as in a file: (out, in, 3, 3); for the gradient of an input, of
   *     the convolution whose input it is
   * @param transformed where {@link #weightBytes} are written
   * @param backward whether for the gradient of an input
   * @return does it, and allocates nothing
   */
  Runnable transform(Scope scope, long weights, long transformed, boolean backward) {
    LongPointer arguments =
        scope.ownAllocated(
            new LongPointer(
                weights,
                transformed,
                backward ? in : out,
                backward ? out : in,
                vector(),
                threads,
                backward ? 1 : 0));
    long address = arguments.address();
    return () -> CpuKernels.winogradWeights(address);
  }

  /**
   * Convolves.
   *
   * @param scope owns the arguments
   * @param x address of what is read
   * @param weights address of the transformed weights
   * @param bias address of the bias; 0 if there is none
   * @param residual address of what is added; 0 if there is none
   * @param result address of the result, which may be that of the residual
   * @param relu whether negative values become 0
   * @param scratch address of {@link #scratchBytes}
   * @return does it, and allocates nothing
   */
  Runnable convolve(
      Scope scope,
      long x,
      long weights,
      long bias,
      long residual,
      long result,
      boolean relu,
      long scratch) {
    long arguments =
        arguments(scope, x, weights, bias, residual, result, scratch, relu ? 1 : 0).address();
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
    return new long[] {images, in, out, height, width, block, vector(), threads};
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
