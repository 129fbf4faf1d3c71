package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.HostBuffer;
import io.resfuse.engine.cuda.internal.program.Region;
import java.util.HashMap;
import java.util.Map;

/**
 * What lies on the device in the place of buffers of the host, for callers that write and read
 * there. Not thread-safe.
 */
public final class DeviceBuffers {
  private final Region region;
  private final Map<HostBuffer, Buffer> buffers = new HashMap<>();

  /**
   * None yet.
   *
   * @param region in which they are kept
   */
  public DeviceBuffers(Region region) {
    this.region = region;
  }

  /** What takes the place of a buffer, of its size. */
  public Buffer of(HostBuffer host) {
    return buffers.computeIfAbsent(host, any -> region.add(host.bytes()));
  }
}
