package io.resfuse.engine.cuda;

import io.resfuse.engine.cuda.driver.Context;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;

/** The buffers through which a plan's caller writes and reads. Not thread-safe. */
final class HostBuffers implements AutoCloseable {
  private final List<HostBuffer> all = new ArrayList<>();

  HostBuffer add(long bytes) {
    HostBuffer buffer = new HostBuffer(bytes);
    all.add(buffer);
    return buffer;
  }

  long bytes() {
    return all.stream().mapToLong(HostBuffer::bytes).sum();
  }

  void allocate(Context context, String purpose) {
    all.forEach(buffer -> buffer.allocate(context, purpose));
  }

  static FloatBuffer floats(HostBuffer buffer) {
    return buffer.memory().floats();
  }

  @Override
  public void close() {
    all.forEach(HostBuffer::close);
  }
}
