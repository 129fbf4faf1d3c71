package io.resfuse.engine.cuda.internal.driver;

import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuDeviceGetAttribute;
import static jcuda.driver.JCudaDriver.cuDeviceGetCount;
import static jcuda.driver.JCudaDriver.cuDeviceGetName;
import static jcuda.driver.JCudaDriver.cuDeviceTotalMem;
import static jcuda.driver.JCudaDriver.cuDriverGetVersion;
import static jcuda.driver.JCudaDriver.cuGetErrorName;
import static jcuda.driver.JCudaDriver.cuInit;

import io.resfuse.engine.EngineException;
import io.resfuse.platform.Platform;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/** The driver of this process: what it is, which devices it has, what its errors mean. */
public final class Driver {
  private static boolean initialized;
  private static Supplier<Optional<String>> reports = Optional::empty;

  private Driver() {}

  /**
   * Loads JCuda's library and with it the driver, once per process; further calls do nothing.
   *
   * @param report where the driver says more about a failure than an error's name, as softcuda does
   * @throws EngineException if there is no driver, or none that works: what is missing, and how to
   *     get it
   */
  public static synchronized void initialize(Supplier<Optional<String>> report) {
    if (initialized) {
      return;
    }
    try {
      JCudaNatives.load("JCudaDriver", () -> JCudaDriver.setExceptionsEnabled(false));
      check(cuInit(0), "starting the CUDA driver");
    } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
      throw new EngineException(
          "JCuda cannot be loaded: "
              + firstLine(String.valueOf(e.getMessage()))
              + "; it needs org.jcuda:jcuda-natives with the classifier of this platform ("
              + Platform.current()
              + ") on the class path, and NVIDIA's driver",
          e);
    }
    reports = report;
    initialized = true;
  }

  /**
   * The CUDA version that the driver supports.
   *
   * @return 1000 times the major version plus 10 times the minor, 12060 for example
   */
  public static int version() {
    int[] version = new int[1];
    check(cuDriverGetVersion(version), "asking for the driver's version");
    return version[0];
  }

  /**
   * The devices that there are.
   *
   * @return in the driver's order
   */
  public static List<Device> devices() {
    int[] count = new int[1];
    check(cuDeviceGetCount(count), "counting devices");
    List<Device> devices = new ArrayList<>();
    for (int i = 0; i < count[0]; i++) {
      devices.add(device(i));
    }
    return devices;
  }

  private static Device device(int ordinal) {
    String doing = "asking about device " + ordinal;
    CUdevice device = new CUdevice();
    check(cuDeviceGet(device, ordinal), doing);
    byte[] name = new byte[256];
    check(cuDeviceGetName(name, name.length, device), doing);
    int length = 0;
    while (length < name.length && name[length] != 0) {
      length++;
    }
    long[] memory = new long[1];
    check(cuDeviceTotalMem(memory, device), doing);
    return new Device(
        ordinal,
        new String(name, 0, length, StandardCharsets.UTF_8),
        10 * attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
            + attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
        memory[0],
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
        attribute(
            device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR),
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR));
  }

  private static int attribute(CUdevice device, int which) {
    int[] value = new int[1];
    check(cuDeviceGetAttribute(value, which, device), "asking for a device's limits");
    return value[0];
  }

  /** Throws what a driver function answered, unless it is success. */
  static void check(int result, String doing) {
    if (result != CUresult.CUDA_SUCCESS) {
      throw new EngineException(describe(result, doing));
    }
  }

  /** One line: the error's name, what was being done, and the driver's own words. */
  static String describe(int result, String doing) {
    String line = name(result) + " while " + doing;
    Optional<String> report = reports.get();
    if (isFault(result) && report.isPresent()) {
      line += ": " + firstLine(report.get());
    }
    return line + hint(result);
  }

  /** What the driver says about the last fault, several lines; null if it says nothing. */
  static @Nullable String lastReport() {
    return reports.get().orElse(null);
  }

  private static String hint(int result) {
    return switch (result) {
      case CUresult.CUDA_ERROR_NO_DEVICE -> "; this machine has no NVIDIA GPU";
      case CUresult.CUDA_ERROR_INVALID_PTX,
          CUresult.CUDA_ERROR_UNSUPPORTED_PTX_VERSION,
          CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU ->
          "; the kernels need a GPU of compute capability 8.0 and its driver";
      default -> "";
    };
  }

  static String name(int result) {
    String[] name = {null};
    cuGetErrorName(result, name);
    return name[0] == null ? "CUDA error " + result : name[0];
  }

  /** Whether an error is that of a kernel and makes its context unusable. */
  static boolean isFault(int result) {
    return switch (result) {
      case CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
          CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
          CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
          CUresult.CUDA_ERROR_INVALID_PC,
          CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
          CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
          CUresult.CUDA_ERROR_LAUNCH_FAILED,
          CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
          CUresult.CUDA_ERROR_ASSERT,
          CUresult.CUDA_ERROR_ECC_UNCORRECTABLE ->
          true;
      default -> false;
    };
  }

  static String firstLine(String text) {
    int end = text.indexOf('\n');
    return end < 0 ? text : text.substring(0, end);
  }
}
