package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.library.Library.Product;
import io.resfuse.engine.cuda.internal.library.PreparedProduct;
import io.resfuse.engine.cuda.internal.library.PreparedProduct.Tensors;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.jcudnn.JCudnn;

/**
 * A product of a convolution, by the algorithm that cuDNN holds to be the fastest. Not thread-safe.
 */
public final class ConvolutionProduct implements PreparedProduct {
  /** Factors of the host, which cuDNN reads while it is called. */
  static final Pointer ONE = factor(1);

  static final Pointer ZERO = factor(0);

  private final Handle handle;
  private final Product product;
  private final String doing;
  private final ConvolutionDescriptors descriptors;
  private final Algorithm algorithm;

  /** Outside of the heap: on an array JCuda would stop the garbage collector meanwhile. */
  private static Pointer factor(float value) {
    ByteBuffer place = ByteBuffer.allocateDirect(Float.BYTES).order(ByteOrder.nativeOrder());
    return Pointer.toBuffer(place.putFloat(0, value));
  }

  /**
   * Chooses an algorithm.
   *
   * @param handle of the device
   * @param product what to compute
   * @param spec of which convolution
   * @param choice how the algorithm is chosen
   * @throws io.resfuse.engine.EngineException if cuDNN cannot do it
   */
  public ConvolutionProduct(
      Handle handle, Product product, ConvolutionSpec spec, AlgorithmChoice choice) {
    this.handle = handle;
    this.product = product;
    this.doing =
        String.format(
            "%s of %s in %s",
            switch (product) {
              case OUTPUT -> "the output";
              case INPUT_GRADIENT -> "the gradient of the input";
              case WEIGHT_GRADIENT -> "the gradient of the weights";
            },
            spec.name(),
            spec.type());
    this.descriptors = new ConvolutionDescriptors(spec);
    boolean done = false;
    try {
      synchronized (handle) {
        this.algorithm =
            Algorithm.first(
                Offers.of(handle, descriptors, product, choice, doing),
                spec.type().mathType(spec.tensorCores()),
                doing);
      }
      descriptors.convolution().setMathType(algorithm.mathType());
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  @Override
  public long workspaceBytes() {
    return algorithm.workspaceBytes();
  }

  @Override
  public void run(Stream stream, Tensors at, boolean accumulate) {
    Pointer beta = accumulate ? ONE : ZERO;
    handle.start(
        stream,
        "computing " + doing,
        () ->
            switch (product) {
              case OUTPUT -> forward(at, beta);
              case INPUT_GRADIENT -> backwardData(at, beta);
              case WEIGHT_GRADIENT -> backwardFilter(at, beta);
            });
  }

  private int forward(Tensors at, Pointer beta) {
    return JCudnn.cudnnConvolutionForward(
        handle.handle(),
        ONE,
        descriptors.input().handle(),
        new Address(at.input()),
        descriptors.weights().handle(),
        new Address(at.weights()),
        descriptors.convolution().handle(),
        algorithm.number(),
        new Address(at.workspace()),
        algorithm.workspaceBytes(),
        beta,
        descriptors.output().handle(),
        new Address(at.output()));
  }

  private int backwardData(Tensors at, Pointer beta) {
    return JCudnn.cudnnConvolutionBackwardData(
        handle.handle(),
        ONE,
        descriptors.weights().handle(),
        new Address(at.weights()),
        descriptors.output().handle(),
        new Address(at.output()),
        descriptors.convolution().handle(),
        algorithm.number(),
        new Address(at.workspace()),
        algorithm.workspaceBytes(),
        beta,
        descriptors.input().handle(),
        new Address(at.input()));
  }

  private int backwardFilter(Tensors at, Pointer beta) {
    return JCudnn.cudnnConvolutionBackwardFilter(
        handle.handle(),
        ONE,
        descriptors.input().handle(),
        new Address(at.input()),
        descriptors.output().handle(),
        new Address(at.output()),
        descriptors.convolution().handle(),
        algorithm.number(),
        new Address(at.workspace()),
        algorithm.workspaceBytes(),
        beta,
        descriptors.weights().handle(),
        new Address(at.weights()));
  }

  /** Destroys the descriptors. Idempotent. */
  @Override
  public void close() {
    descriptors.close();
  }
}
