package io.resfuse.engine.cuda;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider.Availability;
import io.resfuse.engine.cuda.internal.driver.Device;
import io.resfuse.engine.cuda.internal.driver.Driver;
import io.resfuse.platform.Platform;
import io.resfuse.platform.Settings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Which device an engine's options mean: a GPU by its number, the first one where they say nothing,
 * or softcuda. One process uses either GPUs or softcuda.
 */
final class CudaDevice {
  /** The device that is the CPU. */
  static final String SOFTCUDA = "softcuda";

  /** Below it there is no {@code cp.async} and no bf16. */
  private static final int LEAST_CAPABILITY = 80;

  /** Where the Linux kernel shows that NVIDIA's module is loaded. */
  private static final Path KERNEL_MODULE = Path.of("/proc/driver/nvidia/version");

  /** The driver's library on Windows, below the system's folder. */
  private static final String WINDOWS_DRIVER = "System32/nvcuda.dll";

  /** What is said where there is no GPU. */
  static final String NO_GPU = "no NVIDIA GPU (its driver is not loaded)";

  /** The platforms that JCuda has native libraries for. */
  private static final Set<String> PLATFORMS = Set.of("linux-x86_64", "windows-x86_64");

  private CudaDevice() {}

  /**
   * Looks for a device without loading native code where that is not needed to say no. softcuda is
   * there for those alone who name it.
   */
  static Availability probe(EngineOptions options) {
    Optional<String> whyNoNatives = whyNoNatives(Platform.current());
    if (whyNoNatives.isPresent()) {
      return new Availability(false, whyNoNatives.get());
    }
    if (options.device().equals(SOFTCUDA)) {
      return SoftCuda.probe();
    }
    if (SoftCuda.isLoaded()) {
      return new Availability(
          false, "this process runs on softcuda, in the place of the driver of GPUs");
    }
    if (!hasGpu()) {
      return new Availability(
          false, NO_GPU + "; --device softcuda runs the kernels on the CPU, for tests");
    }
    try {
      return new Availability(true, find(options).toString());
    } catch (EngineException e) {
      return new Availability(false, String.valueOf(e.getMessage()));
    }
  }

  /** Why there can be no CUDA on a platform at all; empty where there may be. */
  static Optional<String> whyNoNatives(Platform platform) {
    return PLATFORMS.contains(platform.toString())
        ? Optional.empty()
        : Optional.of(
            "JCuda has no native libraries for "
                + platform
                + ", only for Linux and Windows on x86-64; use engine onednn");
  }

  static boolean hasGpu() {
    String windows = Settings.SYSTEM_ROOT.value().orElse(null);
    return Files.exists(KERNEL_MODULE)
        || Files.exists(Path.of("/dev/dxg"))
        || (windows != null && Files.exists(Path.of(windows, WINDOWS_DRIVER)));
  }

  /**
   * Loads the driver and finds the device. The engine was asked for by name: where there is no GPU,
   * softcuda takes its place.
   *
   * @throws EngineException if there is none, or none that can run the kernels
   */
  static Device find(EngineOptions options) {
    whyNoNatives(Platform.current())
        .ifPresent(
            reason -> {
              throw new EngineException("engine cuda cannot run here: " + reason);
            });
    boolean software =
        options.device().equals(SOFTCUDA)
            || SoftCuda.isLoaded()
            || (options.device().isEmpty() && !hasGpu() && SoftCuda.probe().available());
    if (software) {
      SoftCuda.load();
    }
    Driver.initialize(() -> SoftCuda.isLoaded() ? SoftCuda.lastReport() : Optional.empty());
    List<Device> devices = Driver.devices();
    int ordinal = software ? 0 : ordinal(options.device(), devices);
    Device device = devices.get(ordinal);
    if (device.computeCapability() < LEAST_CAPABILITY) {
      throw new EngineException(
          "engine cuda needs a GPU of compute capability 8.0 (Ampere) or later, this is a "
              + device);
    }
    return device;
  }

  private static int ordinal(String name, List<Device> devices) {
    if (devices.isEmpty()) {
      throw new EngineException(
          "engine cuda: the driver shows no GPU (is CUDA_VISIBLE_DEVICES empty?)");
    }
    if (name.isEmpty()) {
      return 0;
    }
    if (name.matches("\\d{1,4}") && Integer.parseInt(name) < devices.size()) {
      return Integer.parseInt(name);
    }
    throw new EngineException(
        "engine cuda has no device '"
            + name
            + "'; there are "
            + SOFTCUDA
            + " and 0 to "
            + (devices.size() - 1)
            + " of "
            + devices);
  }
}
