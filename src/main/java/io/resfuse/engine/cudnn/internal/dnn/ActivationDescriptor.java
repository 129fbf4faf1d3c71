package io.resfuse.engine.cudnn.internal.dnn;

import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnActivationDescriptor;
import jcuda.jcudnn.cudnnActivationMode;
import jcuda.jcudnn.cudnnNanPropagation;

/** What follows a convolution: max(0, x), or nothing. NaN stays NaN. Immutable. */
public final class ActivationDescriptor extends DnnObject<cudnnActivationDescriptor> {
  /**
   * Describes an activation.
   *
   * @param relu max(0, x), or x
   */
  public ActivationDescriptor(boolean relu) {
    super(
        new cudnnActivationDescriptor(),
        JCudnn::cudnnCreateActivationDescriptor,
        JCudnn::cudnnDestroyActivationDescriptor,
        "an activation descriptor");
    configure(
        () ->
            JCudnn.cudnnSetActivationDescriptor(
                handle(),
                relu
                    ? cudnnActivationMode.CUDNN_ACTIVATION_RELU
                    : cudnnActivationMode.CUDNN_ACTIVATION_IDENTITY,
                cudnnNanPropagation.CUDNN_PROPAGATE_NAN,
                0),
        "describing an activation");
  }
}
