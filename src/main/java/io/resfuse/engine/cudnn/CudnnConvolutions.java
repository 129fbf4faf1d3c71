package io.resfuse.engine.cudnn;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.ConvolutionLibrary;
import io.resfuse.engine.cuda.driver.Stream;
import io.resfuse.engine.cudnn.dnn.AlgorithmChoice;
import io.resfuse.engine.cudnn.dnn.DnnType;
import io.resfuse.engine.cudnn.dnn.ForwardConvolution;
import io.resfuse.engine.cudnn.dnn.FusedConvolution;
import io.resfuse.engine.cudnn.dnn.FusedConvolutionGraph;
import io.resfuse.engine.cudnn.dnn.Handle;
import io.resfuse.tensor.Shape;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Convolutions by cuDNN in one type: in fp16 and bf16 as one graph with all that follows, where
 * cuDNN has a plan for it, else as a convolution alone. In fp32 and tf32 a graph's engines could
 * multiply more coarsely than was asked for. Thread-safe: whoever uses the handle locks it.
 *
 * @param handle of the device
 * @param type how tensors and weights are stored and multiplied
 * @param tensorCores false keeps cuDNN from using them, and from fusing
 * @param choice how algorithms are chosen for convolutions alone
 */
record CudnnConvolutions(Handle handle, DnnType type, boolean tensorCores, AlgorithmChoice choice)
    implements ConvolutionLibrary {
  private static final Logger log = LoggerFactory.getLogger(CudnnConvolutions.class);

  @Override
  public Prepared prepare(Convolution convolution) {
    synchronized (handle) {
      if (tensorCores && (type == DnnType.FP16 || type == DnnType.BF16)) {
        try {
          return new Locked(handle, new FusedConvolution(handle, fusedSpec(convolution)));
        } catch (EngineException e) {
          log.debug("{} is not fused: {}", convolution.name(), e.getMessage());
        }
      }
      return new Locked(
          handle, new ForwardConvolution(handle, spec(convolution), tensorCores, choice));
    }
  }

  private FusedConvolutionGraph.Spec fusedSpec(Convolution convolution) {
    return new FusedConvolutionGraph.Spec(
        type,
        convolution.window(),
        convolution.groups(),
        inputShape(convolution),
        convolution.outputs(),
        convolution.residual(),
        convolution.relu());
  }

  private ForwardConvolution.Spec spec(Convolution convolution) {
    return new ForwardConvolution.Spec(
        convolution.name(),
        type,
        convolution.window(),
        convolution.groups(),
        inputShape(convolution),
        convolution.outputs());
  }

  private static Shape inputShape(Convolution convolution) {
    return Shape.of(
        convolution.images(), convolution.channels(), convolution.height(), convolution.width());
  }

  /** A convolution whose users take turns with the handle. */
  private record Locked(Handle handle, Prepared convolution) implements Prepared {
    @Override
    public boolean isFused() {
      return convolution.isFused();
    }

    @Override
    public long workspaceBytes() {
      return convolution.workspaceBytes();
    }

    @Override
    public void run(Stream stream, Addresses at) {
      synchronized (handle) {
        convolution.run(stream, at);
      }
    }

    @Override
    public void close() {
      convolution.close();
    }
  }
}
