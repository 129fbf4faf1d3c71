package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.cuda.internal.driver.Stream;
import java.util.function.IntSupplier;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnHandle;

/**
 * cuDNN on the device whose context is the calling thread's. One thread at a time: whoever asks it
 * for something holds its monitor.
 */
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

  /**
   * Starts work in a stream, while other threads wait.
   *
   * @param doing for messages
   * @param work calls cuDNN with this handle, and hands on its answer
   */
  synchronized void start(Stream stream, String doing, IntSupplier work) {
    Dnn.check(JCudnn.cudnnSetStream(handle(), stream.enter()), "choosing a stream");
    Dnn.check(work.getAsInt(), doing);
  }
}
