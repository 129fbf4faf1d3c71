package io.resfuse.bench;

import io.resfuse.bench.report.Machine;

/** Memory in which plans lie: the host's, or a device's. */
public interface MemoryPool {
  /** The host's memory. */
  MemoryPool HOST =
      new MemoryPool() {
        @Override
        public String name() {
          return "host";
        }

        @Override
        public long availableBytes() {
          return Machine.availableBytes();
        }
      };

  /**
   * Its name.
   *
   * @return {@code host}, or that of a device
   */
  String name();

  /**
   * What can be had there now.
   *
   * @return bytes; where it cannot be told, {@link Long#MAX_VALUE}
   */
  long availableBytes();
}
