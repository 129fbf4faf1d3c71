package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.dnnl_cpu_isa_avx512_core_bf16;
import static org.bytedeco.dnnl.global.dnnl.dnnl_forward_inference;
import static org.bytedeco.dnnl.global.dnnl.dnnl_get_effective_cpu_isa;
import static org.bytedeco.dnnl.global.dnnl.dnnl_version;

import io.resfuse.engine.Engine.Mode;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.onednn.NativeMemory.Address;
import io.resfuse.platform.NativeFiles;
import io.resfuse.platform.OperatingSystem;
import io.resfuse.platform.Platform;
import java.io.IOException;
import java.util.Optional;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.dnnl.dnnl_primitive_desc;
import org.bytedeco.dnnl.dnnl_version_t;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerPointer;
import org.bytedeco.opencl.Pfn_notify_BytePointer_Pointer_long_Pointer;
import org.bytedeco.opencl.User_func_Pointer;
import org.jspecify.annotations.Nullable;

/** oneDNN's shared library, the OpenMP runtime that comes with it, and what the CPU can do. */
final class NativeLibrary {
  private static final long MADV_HUGEPAGE = 14;

  private static final @Nullable Throwable failure;
  private static final @Nullable OneArgument setThreads;
  private static final @Nullable FourArguments madvise;
  private static final @Nullable Neighbours neighbours;

  static {
    Throwable problem = null;
    OneArgument omp = null;
    FourArguments advise = null;
    Neighbours others = null;
    try {
      NativeFiles.useForJavaCpp();
      Loader.load(org.bytedeco.opencl.global.OpenCL.class);
      Loader.load(org.bytedeco.dnnl.global.dnnl.class);
      Pointer symbol = Loader.addressof("omp_set_num_threads");
      omp = symbol == null ? null : new OneArgument(symbol.address());
      symbol = isLinux() ? Loader.addressof("madvise") : null;
      advise = symbol == null ? null : new FourArguments(symbol.address());
      others = isLinux() ? Neighbours.open() : null;
    } catch (IOException | LinkageError | RuntimeException e) {
      problem = e;
    }
    failure = problem;
    setThreads = omp;
    madvise = advise;
    neighbours = others;
  }

  private NativeLibrary() {}

  /**
   * Why oneDNN cannot be loaded.
   *
   * @return empty if it is loaded
   */
  static Optional<String> whyNot() {
    Throwable problem = failure;
    if (problem == null) {
      return Optional.empty();
    }
    if (problem instanceof IOException) {
      return Optional.of("oneDNN cannot be loaded: " + problem.getMessage());
    }
    Throwable root = problem;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return Optional.of(
        "oneDNN's native library cannot be loaded ("
            + root
            + "); "
            + NativeFiles.remedy(
                root.toString(),
                "add org.bytedeco:dnnl, javacpp and opencl with the classifier of this platform ("
                    + Platform.current()
                    + ") to the class path"));
  }

  private static boolean isLinux() {
    return OperatingSystem.current() == OperatingSystem.LINUX;
  }

  /** The version of oneDNN, {@code 3.11.0}. */
  static String version() {
    dnnl_version_t version = dnnl_version();
    return version.major() + "." + version.minor() + "." + version.patch();
  }

  /**
   * Why bf16 should not be used on this CPU.
   *
   * @param mode for what
   * @return empty if the CPU multiplies bf16 itself
   */
  static Optional<String> whyNotBf16(Mode mode) {
    int isa = dnnl_get_effective_cpu_isa();
    if (!Platform.current().architecture().equals("x86_64")) {
      if (mode == Mode.TRAINING) {
        return Optional.of("oneDNN has no training in bf16 on ARM CPUs; use fp32");
      }
      return hasBf16Kernels()
          ? Optional.empty()
          : Optional.of(
              "bf16 needs an ARM CPU with SVE and instructions for bf16 (Neoverse V1 or later), for"
                  + " which oneDNN has kernels; here it has none; use fp32");
    }
    if ((isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16) {
      return Optional.empty();
    }
    return Optional.of(
        "bf16 needs a CPU with AVX512_BF16 (Intel Cooper Lake or Sapphire Rapids, AMD Zen 4, or"
            + " later); this one has instruction sets 0x"
            + Integer.toHexString(isa)
            + " in oneDNN's numbering; use fp32");
  }

  /** Where instruction sets have no names in oneDNN, a convolution shows what it can do. */
  private static boolean hasBf16Kernels() {
    try (Scope scope = new Scope()) {
      dnnl_memory_desc image = Dnnl.nhwc(scope, Dnnl.BF16, 1, 16, 8, 8);
      dnnl_primitive_desc convolution =
          Convolutions.forward(
              scope,
              dnnl_forward_inference,
              image,
              Dnnl.anyWeights(scope, Dnnl.BF16, 1, 16, 16, 3, 3),
              null,
              image,
              new Window(3, 1, 1, 1),
              Attributes.none(scope));
      return !PrimitiveDescs.isReference(convolution);
    } catch (EngineException e) {
      return false;
    }
  }

  /** Whether numbers of threads can be set: whether OpenMP's function for it was found. */
  static boolean setsThreads() {
    return setThreads != null;
  }

  /** A number of threads that can be set without allocating. Thread-safe. */
  static final class Threads {
    private final int count;
    private final Address argument;

    Threads(int count) {
      this.count = count;
      this.argument = new Address(count);
    }

    int count() {
      return count;
    }

    /**
     * Sets how many threads the calling thread's parallel regions get. OpenMP keeps this number per
     * thread, so each call into oneDNN from an unknown thread sets it first; that takes some tens
     * of nanoseconds.
     */
    void use() {
      OneArgument function = setThreads;
      if (function != null) {
        function.call(argument);
      }
      Neighbours others = neighbours;
      if (others != null && count > 1) {
        others.expect(count);
      }
    }
  }

  /**
   * Asks Linux to back a range by huge pages; weights and activations of tens of megabytes miss the
   * TLB otherwise. A hint: failure changes nothing but speed.
   */
  static void adviseHugePages(long address, long bytes) {
    FourArguments call = madvise;
    if (call != null) {
      call.invoke(address, bytes, MADV_HUGEPAGE);
    }
  }

  // JavaCPP can call a C function only through a generated class of its signature. The two below
  // were generated for OpenCL's callbacks; in the calling conventions of the 64-bit platforms that
  // bytedeco builds for, integers and pointers are passed alike in the first four registers, and a
  // result that is not read does no harm.

  /** Calls {@code void f(word)}. */
  static final class OneArgument extends User_func_Pointer {
    private final PointerPointer<Pointer> slot;

    OneArgument(long function) {
      super((Pointer) null);
      slot = new PointerPointer<>(1);
      slot.put(0, new Address(function));
      address = slot.address();
    }
  }

  /** Calls {@code void f(word, word, word, word)}. */
  static final class FourArguments extends Pfn_notify_BytePointer_Pointer_long_Pointer {
    private final PointerPointer<Pointer> slot;

    FourArguments(long function) {
      super((Pointer) null);
      slot = new PointerPointer<>(1);
      slot.put(0, new Address(function));
      address = slot.address();
    }

    void invoke(long first, long second, long third) {
      call(new BytePointer(new Address(first)), new Address(second), third, new Address(0));
    }
  }
}
