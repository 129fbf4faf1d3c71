package io.resfuse.engine.cudnn.internal.dnn;

import jcuda.Pointer;

/** Memory of the device, or of the host outside of the heap, by its address. */
final class Address extends Pointer {
  Address(long address) {
    super(address);
  }
}
