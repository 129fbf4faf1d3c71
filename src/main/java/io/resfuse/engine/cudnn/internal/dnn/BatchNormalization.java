package io.resfuse.engine.cudnn.internal.dnn;

import static io.resfuse.engine.cudnn.internal.dnn.ConvolutionProduct.ONE;
import static io.resfuse.engine.cudnn.internal.dnn.ConvolutionProduct.ZERO;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.library.Library.BatchNorm;
import io.resfuse.engine.cuda.internal.library.Library.Channels;
import io.resfuse.engine.cuda.internal.library.PreparedNorm;
import io.resfuse.engine.cuda.internal.library.PreparedNorm.NormBackward;
import io.resfuse.engine.cuda.internal.library.PreparedNorm.NormForward;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnBatchNormMode;
import jcuda.jcudnn.cudnnBatchNormOps;
import jcuda.jcudnn.cudnnTensorDescriptor;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A batch norm of NHWC tensors in training by cuDNN's Ex functions, with residual and ReLU in it
 * where cuDNN can: half precision, channels a multiple of 4. Not thread-safe.
 */
public final class BatchNormalization implements PreparedNorm {
  private static final int MODE = cudnnBatchNormMode.CUDNN_BATCHNORM_SPATIAL_PERSISTENT;
  private static final Logger log = LoggerFactory.getLogger(BatchNormalization.class);

  private final Handle handle;
  private final BatchNorm norm;
  private final BatchNormDescriptors descriptors;
  private final Sizes sizes;
  private final boolean fused;

  /**
   * What cuDNN needs for a combination of operations.
   *
   * @param operations of {@link cudnnBatchNormOps}
   */
  private record Sizes(int operations, long forward, long backward, long reserve) {}

  /**
   * Asks cuDNN what it can fuse, and what memory it needs.
   *
   * @param handle of the device
   * @param type how tensors are stored
   * @param norm which batch norm
   * @throws EngineException if cuDNN cannot do it even alone
   */
  public BatchNormalization(Handle handle, DnnType type, BatchNorm norm) {
    this.handle = handle;
    this.norm = norm;
    this.descriptors = new BatchNormDescriptors(type, norm);
    boolean done = false;
    try {
      int wanted = operations(norm);
      Sizes found = null;
      if (wanted != cudnnBatchNormOps.CUDNN_BATCHNORM_OPS_BN) {
        found = sizesOrNull(wanted);
      }
      boolean alone = !norm.relu() && !norm.residual();
      this.fused = found != null || alone;
      this.sizes = found == null ? sizes(cudnnBatchNormOps.CUDNN_BATCHNORM_OPS_BN) : found;
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  /** What cuDNN is to do at once. It adds only where it rectifies. */
  static int operations(BatchNorm norm) {
    if (!norm.relu()) {
      return cudnnBatchNormOps.CUDNN_BATCHNORM_OPS_BN;
    }
    return norm.residual()
        ? cudnnBatchNormOps.CUDNN_BATCHNORM_OPS_BN_ADD_ACTIVATION
        : cudnnBatchNormOps.CUDNN_BATCHNORM_OPS_BN_ACTIVATION;
  }

  private @Nullable Sizes sizesOrNull(int operations) {
    try {
      return sizes(operations);
    } catch (EngineException e) {
      log.debug("{}: nothing is fused into the batch norm: {}", norm.name(), e.getMessage());
      return null;
    }
  }

  private Sizes sizes(int operations) {
    String doing = "asking for the memory of the batch norm of " + norm.name();
    cudnnTensorDescriptor tensor = descriptors.tensor().handle();
    cudnnTensorDescriptor channels = descriptors.channels().handle();
    long[] forward = new long[1];
    long[] backward = new long[1];
    long[] reserve = new long[1];
    synchronized (handle) {
      Dnn.check(
          JCudnn.cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
              handle.handle(),
              MODE,
              operations,
              tensor,
              tensor,
              tensor,
              channels,
              descriptors.activation().handle(),
              forward),
          doing);
      Dnn.check(
          JCudnn.cudnnGetBatchNormalizationBackwardExWorkspaceSize(
              handle.handle(),
              MODE,
              operations,
              tensor,
              tensor,
              tensor,
              tensor,
              tensor,
              channels,
              descriptors.activation().handle(),
              backward),
          doing);
      Dnn.check(
          JCudnn.cudnnGetBatchNormalizationTrainingExReserveSpaceSize(
              handle.handle(),
              MODE,
              operations,
              descriptors.activation().handle(),
              tensor,
              reserve),
          doing);
    }
    return new Sizes(operations, forward[0], backward[0], reserve[0]);
  }

  @Override
  public boolean isFused() {
    return fused;
  }

  @Override
  public long reserveBytes() {
    return sizes.reserve();
  }

  @Override
  public long forwardWorkspaceBytes() {
    return sizes.forward();
  }

  @Override
  public long backwardWorkspaceBytes() {
    return sizes.backward();
  }

  @Override
  public void forward(Stream stream, NormForward at, Channels channels) {
    cudnnTensorDescriptor tensor = descriptors.tensor().handle();
    handle.start(
        stream,
        "normalising " + norm.name(),
        () ->
            JCudnn.cudnnBatchNormalizationForwardTrainingEx(
                handle.handle(),
                MODE,
                sizes.operations(),
                ONE,
                ZERO,
                tensor,
                new Address(at.raw()),
                tensor,
                new Address(at.residual()),
                tensor,
                new Address(at.output()),
                descriptors.channels().handle(),
                new Address(channels.gamma()),
                new Address(channels.beta()),
                norm.momentum(),
                new Address(channels.runningMean()),
                new Address(channels.runningVariance()),
                norm.epsilon(),
                new Address(channels.mean()),
                new Address(channels.inverse()),
                descriptors.activation().handle(),
                new Address(at.workspace()),
                sizes.forward(),
                new Address(at.reserve()),
                sizes.reserve()));
  }

  @Override
  public void backward(Stream stream, NormBackward at, Channels channels, boolean accumulate) {
    cudnnTensorDescriptor tensor = descriptors.tensor().handle();
    handle.start(
        stream,
        "computing the gradients of the batch norm of " + norm.name(),
        () ->
            JCudnn.cudnnBatchNormalizationBackwardEx(
                handle.handle(),
                MODE,
                sizes.operations(),
                ONE,
                ZERO,
                ONE,
                accumulate ? ONE : ZERO,
                tensor,
                new Address(at.raw()),
                tensor,
                new Address(at.output()),
                tensor,
                new Address(at.outputGradient()),
                tensor,
                new Address(at.residualGradient()),
                tensor,
                new Address(at.rawGradient()),
                descriptors.channels().handle(),
                new Address(channels.gamma()),
                new Address(channels.beta()),
                new Address(at.gammaGradient()),
                new Address(at.betaGradient()),
                norm.epsilon(),
                new Address(channels.mean()),
                new Address(channels.inverse()),
                descriptors.activation().handle(),
                new Address(at.workspace()),
                sizes.backward(),
                new Address(at.reserve()),
                sizes.reserve()));
  }

  /** Destroys the descriptors. Idempotent. */
  @Override
  public void close() {
    descriptors.close();
  }
}
