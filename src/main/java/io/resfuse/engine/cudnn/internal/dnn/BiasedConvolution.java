package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.library.Library.Product;
import io.resfuse.engine.cuda.internal.library.PreparedConvolution;
import io.resfuse.engine.cuda.internal.library.PreparedConvolution.Addresses;
import java.util.List;
import jcuda.Pointer;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnConvolutionFwdAlgo;

/**
 * {@code [relu](convolution(input, weights) + bias [+ residual])} by one call of cuDNN's, {@code
 * cudnnConvolutionBiasActivationForward}, for tensors of float32: it scales by no vector, so scales
 * are in the weights. Not thread-safe.
 */
public final class BiasedConvolution implements PreparedConvolution {
  private static final Pointer ONE = ConvolutionProduct.ONE;
  private static final Pointer ZERO = ConvolutionProduct.ZERO;

  private final Handle handle;
  private final ConvolutionSpec spec;
  private final boolean residual;
  private final DnnObjects owned = new DnnObjects();
  private final ConvolutionDescriptors descriptors;
  private final TensorDescriptor bias;
  private final ActivationDescriptor activation;
  private final Algorithm algorithm;

  private BiasedConvolution(Planner planner, ConvolutionSpec spec, boolean residual, boolean relu) {
    this.handle = planner.handle();
    this.spec = spec;
    this.residual = residual;
    this.descriptors = new ConvolutionDescriptors(spec);
    boolean done = false;
    try {
      this.bias = owned.own(TensorDescriptor.ofVector(spec.outputs()));
      this.activation = owned.own(new ActivationDescriptor(relu));
      synchronized (handle) {
        List<Algorithm.Offer> offers =
            Offers.of(handle, descriptors, Product.OUTPUT, planner.choice(), doing());
        this.algorithm =
            Algorithm.first(
                usable(offers, relu), spec.type().mathType(spec.tensorCores()), doing());
      }
      descriptors.convolution().setMathType(algorithm.mathType());
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  /**
   * Chooses an algorithm and tries it on the device, since what the call takes is known of no
   * algorithm beforehand.
   *
   * @param planner of the device
   * @param spec what to convolve, in float32
   * @param residual whether a tensor of the result's shape is added
   * @param relu whether max(0, x) ends it
   * @return to be closed
   * @throws io.resfuse.engine.EngineException if cuDNN does not do it
   */
  public static BiasedConvolution of(
      Planner planner, ConvolutionSpec spec, boolean residual, boolean relu) {
    BiasedConvolution convolution = new BiasedConvolution(planner, spec, residual, relu);
    boolean done = false;
    try {
      convolution.tryOut(planner);
      done = true;
      return convolution;
    } finally {
      if (!done) {
        convolution.close();
      }
    }
  }

  /** What the call takes: without a ReLU only one algorithm. */
  static List<Algorithm.Offer> usable(List<Algorithm.Offer> offers, boolean relu) {
    int only = cudnnConvolutionFwdAlgo.CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
    return offers.stream().filter(offer -> relu || offer.number() == only).toList();
  }

  private String doing() {
    return String.format("the convolution %s with its bias in %s", spec.name(), spec.type());
  }

  private void tryOut(Planner planner) {
    long output = spec.output().elements() * Float.BYTES;
    long[] bytes = {
      spec.input().elements() * Float.BYTES,
      spec.weights().elements() * Float.BYTES,
      (long) spec.outputs() * Float.BYTES,
      residual ? output : 0,
      output,
      workspaceBytes()
    };
    planner
        .timer()
        .milliseconds(
            bytes,
            (stream, at) ->
                run(stream, new Addresses(at[0], at[1], 0, at[2], at[3], at[4], at[5])));
  }

  @Override
  public boolean isFused() {
    return true;
  }

  @Override
  public long workspaceBytes() {
    return algorithm.workspaceBytes();
  }

  /** Where there is no residual the result is in its place, times zero. */
  @Override
  public void run(Stream stream, Addresses at) {
    handle.start(
        stream,
        "computing " + doing(),
        () ->
            JCudnn.cudnnConvolutionBiasActivationForward(
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
                residual ? ONE : ZERO,
                descriptors.output().handle(),
                new Address(residual ? at.residual() : at.output()),
                bias.handle(),
                new Address(at.bias()),
                activation.handle(),
                descriptors.output().handle(),
                new Address(at.output())));
  }

  /** Destroys the descriptors. Idempotent. */
  @Override
  public void close() {
    owned.close();
    descriptors.close();
  }
}
