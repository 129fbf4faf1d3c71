package io.resfuse.engine.cuda.internal.program;

import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Where the memory of a program is.
 *
 * @param memories by kind
 * @param accumulate whether gradients of parameters are added to those that are there
 */
public record Binding(Map<Buffer.Kind, DeviceMemory> memories, boolean accumulate)
    implements Addresses {
  public DeviceMemory memory(Buffer buffer) {
    DeviceMemory memory = memories.get(buffer.kind());
    if (memory == null) {
      throw new IllegalStateException("no memory for " + buffer.kind());
    }
    return memory;
  }

  @Override
  public long of(@Nullable Buffer buffer) {
    return buffer == null ? 0 : memory(buffer).address() + buffer.offset();
  }
}
