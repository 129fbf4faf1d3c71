package io.resfuse.engine.cuda.internal.program;

import io.resfuse.engine.cuda.internal.driver.Context;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;

/** The buffers through which a plan's caller writes and reads. Not thread-safe. */
public final class HostBuffers implements AutoCloseable {
  private final List<HostBuffer> all = new ArrayList<>();

  public HostBuffer add(long bytes) {
    HostBuffer buffer = new HostBuffer(bytes);
    all.add(buffer);
    return buffer;
  }

  public long bytes() {
    return all.stream().mapToLong(HostBuffer::bytes).sum();
  }

  public void allocate(Context context, String purpose) {
    all.forEach(buffer -> buffer.allocate(context, purpose));
  }

  public static FloatBuffer floats(HostBuffer buffer) {
    return buffer.memory().floats();
  }

  @Override
  public void close() {
    all.forEach(HostBuffer::close);
  }
}
