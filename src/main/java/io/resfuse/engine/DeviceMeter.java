package io.resfuse.engine;

/** An {@link Engine} with a device that has memory of its own. Thread-safe. */
public interface DeviceMeter {
  /**
   * The device.
   *
   * @return the same for all engines on it
   */
  String deviceName();

  /**
   * Memory of the device that can be had now.
   *
   * @return bytes
   */
  long freeBytes();

  /**
   * Copies from one place of the device's memory to another, by the device's clock.
   *
   * @param bytes how much; twice as much is allocated meanwhile
   * @return seconds
   * @throws EngineException if memory is short
   */
  double copySeconds(long bytes);
}
