package io.resfuse.engine.cudnn.dnn;

import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.cuda.ConvolutionLibrary.Addresses;
import io.resfuse.engine.cuda.ConvolutionLibrary.Prepared;
import io.resfuse.engine.cuda.driver.Stream;
import io.resfuse.tensor.Shape;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import jcuda.Pointer;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnConvolutionDescriptor;
import jcuda.jcudnn.cudnnConvolutionFwdAlgoPerf;
import jcuda.jcudnn.cudnnFilterDescriptor;
import jcuda.jcudnn.cudnnHandle;
import jcuda.jcudnn.cudnnTensorDescriptor;

/**
 * A convolution of NHWC tensors without gaps, by the algorithm that cuDNN holds to be the fastest.
 * Not thread-safe; a handle serves one convolution at a time.
 */
public final class ForwardConvolution implements Prepared {
  private static final Pointer ONE = Pointer.to(new float[] {1});
  private static final Pointer ZERO = Pointer.to(new float[] {0});

  private final Deque<DnnObject<?>> owned = new ArrayDeque<>();
  private final Handle handle;
  private final String doing;
  private final TensorDescriptor input;
  private final FilterDescriptor weights;
  private final TensorDescriptor output;
  private final ConvolutionDescriptor convolution;
  private final ForwardAlgorithm algorithm;

  /**
   * What is convolved.
   *
   * @param name for messages
   * @param type how tensors and weights are stored and multiplied
   * @param window geometry
   * @param groups groups of channels
   * @param input (batch, channels, height, width)
   * @param outputs output channels
   */
  public record Spec(
      String name, DnnType type, Window window, int groups, Shape input, int outputs) {}

  /**
   * Chooses an algorithm.
   *
   * @param handle of the device
   * @param spec what to convolve
   * @param tensorCores false keeps cuDNN from using them
   * @param choice how the algorithm is chosen
   * @throws io.resfuse.engine.EngineException if cuDNN cannot do it
   */
  public ForwardConvolution(Handle handle, Spec spec, boolean tensorCores, AlgorithmChoice choice) {
    this.handle = handle;
    this.doing = spec.name() + " in " + spec.type();
    DnnType type = spec.type();
    boolean done = false;
    try {
      int channels = spec.input().dimension(1);
      this.input = own(new TensorDescriptor(type, spec.input(), channels));
      this.weights =
          own(
              new FilterDescriptor(
                  type, spec.outputs(), channels / spec.groups(), spec.window().kernel()));
      this.convolution =
          own(new ConvolutionDescriptor(type, spec.window(), spec.groups(), tensorCores));
      Shape result = convolution.outputShape(input, weights);
      this.output = own(new TensorDescriptor(type, result, spec.outputs()));
      this.algorithm = choose(choice, type.mathType(tensorCores));
      convolution.setMathType(algorithm.mathType());
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  private <T extends DnnObject<?>> T own(T descriptor) {
    owned.push(descriptor);
    return descriptor;
  }

  /** cuDNN's function that orders its algorithms. */
  private interface Chooser {
    int choose(
        cudnnHandle handle,
        cudnnTensorDescriptor input,
        cudnnFilterDescriptor weights,
        cudnnConvolutionDescriptor convolution,
        cudnnTensorDescriptor output,
        int most,
        int[] count,
        cudnnConvolutionFwdAlgoPerf[] offers);
  }

  private ForwardAlgorithm choose(AlgorithmChoice choice, int allowed) {
    int[] most = new int[1];
    Dnn.check(
        JCudnn.cudnnGetConvolutionForwardAlgorithmMaxCount(handle.handle(), most),
        "counting algorithms");
    cudnnConvolutionFwdAlgoPerf[] offers = new cudnnConvolutionFwdAlgoPerf[most[0]];
    Arrays.setAll(offers, i -> new cudnnConvolutionFwdAlgoPerf());
    int[] count = new int[1];
    Chooser chooser =
        switch (choice) {
          case HEURISTICS -> JCudnn::cudnnGetConvolutionForwardAlgorithm_v7;
          case MEASUREMENT -> JCudnn::cudnnFindConvolutionForwardAlgorithm;
        };
    int status =
        chooser.choose(
            handle.handle(),
            input.handle(),
            weights.handle(),
            convolution.handle(),
            output.handle(),
            most[0],
            count,
            offers);
    Dnn.check(status, "choosing an algorithm for " + doing);
    return ForwardAlgorithm.first(Arrays.asList(offers).subList(0, count[0]), allowed, doing);
  }

  @Override
  public boolean isFused() {
    return false;
  }

  @Override
  public long workspaceBytes() {
    return algorithm.workspaceBytes();
  }

  @Override
  public void run(Stream stream, Addresses at) {
    handle.use(stream);
    Dnn.check(
        JCudnn.cudnnConvolutionForward(
            handle.handle(),
            ONE,
            input.handle(),
            new Address(at.input()),
            weights.handle(),
            new Address(at.weights()),
            convolution.handle(),
            algorithm.number(),
            new Address(at.workspace()),
            algorithm.workspaceBytes(),
            ZERO,
            output.handle(),
            new Address(at.output())),
        "convolving " + doing);
  }

  /** Destroys the descriptors. Idempotent. */
  @Override
  public void close() {
    while (!owned.isEmpty()) {
      owned.pop().close();
    }
  }
}
