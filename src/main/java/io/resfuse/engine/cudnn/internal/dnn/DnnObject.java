package io.resfuse.engine.cudnn.internal.dnn;

import java.util.function.IntSupplier;
import java.util.function.ToIntFunction;
import jcuda.NativePointerObject;

/** An object of cuDNN, created by its constructor and destroyed by {@link #close}. */
abstract sealed class DnnObject<T extends NativePointerObject> implements AutoCloseable
    permits ActivationDescriptor,
        BackendDescriptor,
        ConvolutionDescriptor,
        FilterDescriptor,
        Handle,
        PoolingDescriptor,
        TensorDescriptor {
  private final T handle;
  private final ToIntFunction<T> destroy;
  private final String what;
  private boolean closed;

  /**
   * Creates it.
   *
   * @param handle empty, filled by {@code create}
   * @param what it is, with an article, for messages
   */
  DnnObject(T handle, ToIntFunction<T> create, ToIntFunction<T> destroy, String what) {
    Dnn.requireLoaded();
    this.handle = handle;
    this.destroy = destroy;
    this.what = what;
    Dnn.check(create.applyAsInt(handle), "creating " + what);
    Dnn.acquired();
  }

  /** What cuDNN knows it by. */
  final T handle() {
    if (closed) {
      throw new IllegalStateException(what + " of cuDNN is closed");
    }
    return handle;
  }

  /** Sets it up from its constructor; where cuDNN refuses, nothing is left behind. */
  final void configure(IntSupplier call, String doing) {
    int status = call.getAsInt();
    if (status != 0) {
      close();
      Dnn.check(status, doing);
    }
  }

  /** Destroys it. Idempotent. */
  @Override
  public final void close() {
    if (!closed) {
      closed = true;
      Dnn.released();
      Dnn.check(destroy.applyAsInt(handle), "destroying " + what);
    }
  }
}
