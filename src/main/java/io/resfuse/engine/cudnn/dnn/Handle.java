package io.resfuse.engine.cudnn.dnn;

import io.resfuse.engine.cuda.driver.Stream;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnHandle;

/** cuDNN on the device whose context is the calling thread's. One thread at a time. */
public final class Handle extends DnnObject<Handle.Opened> {
  /** JCuda keeps addresses to itself; a subclass may look. */
  static final class Opened extends cudnnHandle {
    long address() {
      return getNativePointer();
    }
  }

  /**
   * Opens cuDNN.
   *
   * @throws io.resfuse.engine.EngineException if there is no device, or none that it supports
   */
  public Handle() {
    super(new Opened(), JCudnn::cudnnCreate, JCudnn::cudnnDestroy, "a handle on a device");
  }

  long address() {
    return handle().address();
  }

  /** Work goes into a stream from now on. */
  void use(Stream stream) {
    Dnn.check(JCudnn.cudnnSetStream(handle(), stream.enter()), "choosing a stream");
  }
}
