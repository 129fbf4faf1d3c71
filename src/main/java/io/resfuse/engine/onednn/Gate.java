package io.resfuse.engine.onednn;

import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.tensor.Shape;
import java.nio.FloatBuffer;
import org.bytedeco.javacpp.LongPointer;

/**
 * Squeeze and excitation by kernels of our own, whose formulas are in {@code
 * native/cpu/src/gate.h}, or by {@link GateLoops} where these are not. Immutable.
 *
 * @param images in the batch
 * @param channels of the value
 * @param pixels of an image
 * @param reduced channels between the two products
 * @param block channels that lie together, 0 for NHWC, 1 for NCHW
 * @param type {@link Dnnl#F32} or {@link Dnnl#BF16}
 * @param relu whether a ReLU ends it
 */
record Gate(int images, int channels, int pixels, int reduced, int block, int type, boolean relu) {
  /**
   * That of an operation.
   *
   * @param input the shape of its input
   * @param images of them at a time
   */
  static Gate of(SqueezeExcite operation, Shape input, int images, int block, int type) {
    return new Gate(
        images,
        operation.input().channels(),
        input.dimension(2) * input.dimension(3),
        operation.reduced(),
        block,
        type,
        operation.relu());
  }

  /** Addresses of the tensors; 0 where there is none. */
  record Tensors(long x, long residual, long out, long gradient, long inputGradient) {}

  /** Addresses of the parameters or of their gradients, in the operation's order. */
  record Weights(long reduceWeight, long reduceBias, long expandWeight, long expandBias) {
    static final Weights NONE = new Weights(0, 0, 0, 0);

    /** Of one array that has all of them, one after the other. */
    static Weights at(long address, SqueezeExcite operation) {
      long matrix = operation.reduceWeight().shape().elements() * Float.BYTES;
      long hidden = (long) operation.reduced() * Float.BYTES;
      return new Weights(
          address, address + matrix, address + matrix + hidden, address + 2 * matrix + hidden);
    }
  }

  /**
   * The size of one of the two arrays of what lies between the products: means, hidden values and
   * gates of all images; on the way back their gradients.
   */
  long stateBytes() {
    return (2L * channels + reduced) * images * Float.BYTES;
  }

  /**
   * The forward pass.
   *
   * @param scope owns the arguments
   * @param state address of {@link #stateBytes}
   * @return does it, and allocates nothing
   */
  Runnable forward(Scope scope, Tensors tensors, Weights weights, long state) {
    if (!CpuKernels.areThere()) {
      return new GateLoops(this, tensors, weights, state)::forward;
    }
    long arguments = arguments(scope, tensors, weights, Weights.NONE, state, 0, false);
    return () -> CpuKernels.gateForward(arguments);
  }

  /**
   * The backward pass.
   *
   * @param scope owns the arguments
   * @param weights the parameters
   * @param gradients of the parameters, 0 where they are not wanted
   * @param state what the forward pass has left
   * @param stateGradient address of as many bytes
   * @param accumulate whether gradients of parameters are added to what is there
   * @return does it, and allocates nothing
   */
  Runnable backward(
      Scope scope,
      Tensors tensors,
      Weights weights,
      Weights gradients,
      long state,
      long stateGradient,
      boolean accumulate) {
    if (!CpuKernels.areThere()) {
      return inJava(tensors, weights, gradients, state, stateGradient, accumulate);
    }
    long arguments =
        arguments(scope, tensors, weights, gradients, state, stateGradient, accumulate);
    return () -> CpuKernels.gateBackward(arguments);
  }

  private Runnable inJava(
      Tensors tensors,
      Weights weights,
      Weights gradients,
      long state,
      long stateGradient,
      boolean accumulate) {
    GateLoops loops = new GateLoops(this, tensors, weights, state);
    FloatBuffer dmean = NativeMemory.floatsAt(stateGradient, (long) images * channels);
    FloatBuffer dhidden = NativeMemory.floatsAt(hidden(stateGradient), (long) images * reduced);
    FloatBuffer dlogit = NativeMemory.floatsAt(gate(stateGradient), (long) images * channels);
    GateLoops.Product dreduce =
        GateLoops.Product.of(gradients.reduceWeight, gradients.reduceBias, channels, reduced);
    GateLoops.Product dexpand =
        GateLoops.Product.of(gradients.expandWeight, gradients.expandBias, reduced, channels);
    return () -> loops.backward(dmean, dhidden, dlogit, dreduce, dexpand, accumulate);
  }

  private long arguments(
      Scope scope,
      Tensors tensors,
      Weights weights,
      Weights gradients,
      long state,
      long stateGradient,
      boolean accumulate) {
    long[] words = {
      tensors.x,
      tensors.residual,
      tensors.out,
      tensors.gradient,
      tensors.inputGradient,
      weights.reduceWeight,
      weights.reduceBias,
      weights.expandWeight,
      weights.expandBias,
      state,
      hidden(state),
      gate(state),
      gate(stateGradient),
      hidden(stateGradient),
      stateGradient,
      gradients.reduceWeight,
      gradients.reduceBias,
      gradients.expandWeight,
      gradients.expandBias,
      images,
      channels,
      pixels,
      reduced,
      block,
      type == Dnnl.F32 ? 0 : 1,
      relu ? 1 : 0,
      accumulate ? 1 : 0
    };
    return scope.ownAllocated(new LongPointer(words)).address();
  }

  /** After the means. */
  long hidden(long state) {
    return state + (long) channels * images * Float.BYTES;
  }

  /** After the hidden values. */
  long gate(long state) {
    return hidden(state) + (long) reduced * images * Float.BYTES;
  }

  /** What reports call it. */
  static String implementation() {
    return CpuKernels.areThere() ? CpuKernels.implementation("gate") : "resfuse_gate:java";
  }
}
