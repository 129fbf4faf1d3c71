package io.resfuse.engine.cudnn;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.internal.library.Library;
import io.resfuse.engine.cuda.internal.library.PreparedConvolution;
import io.resfuse.engine.cuda.internal.library.PreparedNorm;
import io.resfuse.engine.cuda.internal.library.PreparedStatistics;
import io.resfuse.engine.cuda.internal.library.PreparedWayBack;
import io.resfuse.engine.cudnn.internal.dnn.AlgorithmChoice;
import io.resfuse.engine.cudnn.internal.dnn.BatchNormalization;
import io.resfuse.engine.cudnn.internal.dnn.BiasedConvolution;
import io.resfuse.engine.cudnn.internal.dnn.ConvolutionProduct;
import io.resfuse.engine.cudnn.internal.dnn.ConvolutionSpec;
import io.resfuse.engine.cudnn.internal.dnn.DnnType;
import io.resfuse.engine.cudnn.internal.dnn.ForwardConvolution;
import io.resfuse.engine.cudnn.internal.dnn.FusedConvolution;
import io.resfuse.engine.cudnn.internal.dnn.FusedConvolutionGraph;
import io.resfuse.engine.cudnn.internal.dnn.Planner;
import io.resfuse.engine.cudnn.internal.dnn.StatisticsConvolution;
import io.resfuse.engine.cudnn.internal.dnn.WayBackConvolution;
import io.resfuse.tensor.Shape;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Convolutions and batch norms by cuDNN in one type. Inference in fp16 and bf16 convolves in one
 * graph with all that follows, where cuDNN has a plan for it, else alone; in fp32 and tf32 a
 * graph's engines could multiply more coarsely than was asked for, and the call that adds residual
 * and bias and rectifies is taken where times may be measured and it runs. Training in fp16
 * convolves with the batch norm's statistics in one graph, where cuDNN has a plan for it.
 * Thread-safe.
 *
 * @param planner chooses how, on the device
 * @param type how tensors and weights are stored and multiplied
 * @param tensorCores false keeps cuDNN from using them, and from fusing convolutions
 */
record CudnnOperations(Planner planner, DnnType type, boolean tensorCores) implements Library {
  private static final Logger log = LoggerFactory.getLogger(CudnnOperations.class);

  /** Where graphs are not asked, and times may be taken: cuDNN's call with a bias must be tried. */
  @Override
  public boolean foldsScales() {
    return (type == DnnType.FP32 || type == DnnType.TF32)
        && planner.choice() == AlgorithmChoice.MEASUREMENT;
  }

  @Override
  public PreparedConvolution prepare(Convolution convolution) {
    if (tensorCores && (type == DnnType.FP16 || type == DnnType.BF16)) {
      try {
        return new FusedConvolution(planner, fusedSpec(convolution));
      } catch (EngineException e) {
        log.debug("{} is not fused: {}", convolution.name(), e.getMessage());
      }
    }
    if (foldsScales() && !convolution.scaled()) {
      try {
        return BiasedConvolution.of(
            planner, spec(convolution), convolution.residual(), convolution.relu());
      } catch (EngineException e) {
        log.debug("{} is apart from its bias: {}", convolution.name(), e.getMessage());
      }
    }
    return new ForwardConvolution(prepare(Product.OUTPUT, convolution));
  }

  @Override
  public ConvolutionProduct prepare(Product product, Convolution convolution) {
    return new ConvolutionProduct(planner.handle(), product, spec(convolution), planner.choice());
  }

  @Override
  public PreparedNorm prepare(BatchNorm norm) {
    return new BatchNormalization(planner.handle(), type, norm);
  }

  /** cuDNN is known to run such graphs in half precision only; its heuristics have the say. */
  @Override
  public Optional<PreparedStatistics> prepare(Convolution convolution, BatchNorm norm) {
    if (tensorCores && type == DnnType.FP16) {
      try {
        return Optional.of(new StatisticsConvolution(planner, spec(convolution), norm));
      } catch (EngineException e) {
        log.debug("{} has no statistics: {}", convolution.name(), e.getMessage());
      }
    }
    return Optional.empty();
  }

  /** As with {@link #prepare(Convolution, BatchNorm)}. */
  @Override
  public Optional<PreparedWayBack> prepareWayBack(Convolution convolution, BatchNorm norm) {
    if (tensorCores && type == DnnType.FP16) {
      try {
        return Optional.of(new WayBackConvolution(planner, spec(convolution), norm.residual()));
      } catch (EngineException e) {
        log.debug("{} goes back apart from its norm: {}", convolution.name(), e.getMessage());
      }
    }
    return Optional.empty();
  }

  private FusedConvolutionGraph.Spec fusedSpec(Convolution convolution) {
    return new FusedConvolutionGraph.Spec(
        spec(convolution), convolution.residual(), convolution.relu());
  }

  private ConvolutionSpec spec(Convolution convolution) {
    return new ConvolutionSpec(
        convolution.name(),
        type,
        convolution.window(),
        convolution.groups(),
        Shape.of(
            convolution.images(),
            convolution.channels(),
            convolution.height(),
            convolution.width()),
        convolution.outputs(),
        tensorCores);
  }
}
