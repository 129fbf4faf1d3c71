package io.resfuse.engine.reference;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/** Makes the direct buffers through which callers write and read. */
final class HostBuffers {
  private HostBuffers() {}

  static FloatBuffer like(Tensor tensor) {
    return ByteBuffer.allocateDirect(Math.multiplyExact(tensor.data.length, Float.BYTES))
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }
}
