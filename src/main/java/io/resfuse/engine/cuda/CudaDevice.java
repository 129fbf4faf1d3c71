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
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Which devices an engine's options mean: a GPU by its number, several with commas between them
 * ({@code 0,1}), {@code all}, the first one where they say nothing, or softcuda ({@code softcuda},
 * {@code softcuda:0,1}, {@code softcuda:all}). One process uses either GPUs or softcuda; where that
 * is loaded, numbers are those of its devices.
 */
final class CudaDevice {
  /** What stands for all devices. */
  private static final String ALL = "all";

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
    if (isSoftware(options.device())) {
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
      return new Availability(true, describe(findAll(options)));
    } catch (EngineException e) {
      return new Availability(false, String.valueOf(e.getMessage()));
    }
  }

  private static String describe(List<Device> chosen) {
    if (chosen.size() > 1) {
      return chosen.size() + " devices, each " + chosen.get(0);
    }
    int all = Driver.devices().size();
    return chosen.get(0) + (all == 1 ? "" : "; one of " + all + ", '--device all' takes all");
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

  /** Whether softcuda is named. */
  private static boolean isSoftware(String device) {
    return device.equals(SOFTCUDA) || device.startsWith(SOFTCUDA + ":");
  }

  /**
   * Loads the driver and finds the device.
   *
   * @throws EngineException if there is none, none that can run the kernels, or several are named
   */
  static Device find(EngineOptions options) {
    List<Device> devices = findAll(options);
    if (devices.size() > 1) {
      throw new EngineException(
          "this runs on one device, '%s' names %d; choose one"
              .formatted(options.device(), devices.size()));
    }
    return devices.get(0);
  }

  /**
   * Loads the driver and finds the devices. The engine was asked for by name: where there is no
   * GPU, softcuda takes its place.
   *
   * @return in the order in which they are named; all of one kind, for results must not depend on
   *     which device computes them
   * @throws EngineException if there is none, or none that can run the kernels
   */
  static List<Device> findAll(EngineOptions options) {
    whyNoNatives(Platform.current())
        .ifPresent(
            reason -> {
              throw new EngineException("engine cuda cannot run here: " + reason);
            });
    String named = options.device();
    boolean software =
        isSoftware(named)
            || SoftCuda.isLoaded()
            || (named.isEmpty() && !hasGpu() && SoftCuda.probe().available());
    if (software) {
      SoftCuda.load();
    }
    Driver.initialize(() -> SoftCuda.isLoaded() ? SoftCuda.lastReport() : Optional.empty());
    List<Device> chosen = chosen(numbers(named), Driver.devices());
    Device first = chosen.get(0);
    for (Device device : chosen) {
      if (device.computeCapability() < LEAST_CAPABILITY) {
        throw new EngineException(
            "engine cuda needs a GPU of compute capability 8.0 (Ampere) or later, this is a "
                + device);
      }
      if (!device.isLike(first)) {
        throw new EngineException(
            "engine cuda runs on several devices of one kind, not on %d (%s) and %d (%s) together; choose those that are alike"
                .formatted(first.ordinal(), first, device.ordinal(), device));
      }
    }
    return chosen;
  }

  /** The part of a device's name that says which of several. */
  private static String numbers(String name) {
    if (name.equals(SOFTCUDA)) {
      return "";
    }
    return isSoftware(name) ? name.substring(SOFTCUDA.length() + 1) : name;
  }

  private static List<Device> chosen(String numbers, List<Device> devices) {
    if (devices.isEmpty()) {
      throw new EngineException(
          "engine cuda: the driver shows no GPU (is CUDA_VISIBLE_DEVICES empty?)");
    }
    if (numbers.isEmpty()) {
      return List.of(devices.get(0));
    }
    if (numbers.equals(ALL)) {
      return devices;
    }
    List<Device> chosen = new ArrayList<>();
    for (String number : numbers.split(",", -1)) {
      Device device = device(number, devices);
      if (chosen.contains(device)) {
        throw new EngineException(
            "engine cuda: device %s is named twice in '%s'; name it once"
                .formatted(number, numbers));
      }
      chosen.add(device);
    }
    return chosen;
  }

  private static Device device(String number, List<Device> devices) {
    if (number.matches("\\d{1,4}") && Integer.parseInt(number) < devices.size()) {
      return devices.get(Integer.parseInt(number));
    }
    throw new EngineException(
        "engine cuda has no device '%s'; there are %s, %s and %s%s"
            .formatted(
                number,
                SOFTCUDA,
                ALL,
                devices.size() == 1 ? "0" : "0 to " + (devices.size() - 1),
                ", of which several with commas between them: " + devices));
  }
}
