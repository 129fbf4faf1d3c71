package io.resfuse.engine.onednn;

import io.resfuse.platform.NativeFiles;
import io.resfuse.platform.Settings;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The library {@code native/cpu}: what the engine does beside oneDNN. Where it is not in the jar
 * (no compiler when that was built, or another platform), and where {@link Settings#CPU_KERNELS} is
 * {@code off}, the engine is wholly oneDNN's; that is logged once. Its threads are those of the
 * OpenMP runtime that oneDNN has loaded. Thread-safe.
 */
final class CpuKernels {
  private static final Logger log = LoggerFactory.getLogger(CpuKernels.class);
  private static final String NAME = "resfuse-cpu";

  /**
   * Those of oneDNN's instruction set: it may have been told to use less than the CPU has. The
   * kernels for 8 want AVX2, not AVX only.
   */
  private static final int VECTOR_FLOATS =
      InstructionSet.effective() == InstructionSet.AVX
          ? InstructionSet.SSE41.vectorFloats()
          : InstructionSet.effective().vectorFloats();

  private static final @Nullable String whyNot = load();

  private CpuKernels() {}

  /** Whether the library is there; if not, the first call logs why. */
  static boolean areThere() {
    return whyNot == null;
  }

  /**
   * What reports call a kernel.
   *
   * @param kernel {@code norm} for example
   */
  static String implementation(String kernel) {
    String isa = VECTOR_FLOATS >= 16 ? "avx512" : VECTOR_FLOATS >= 8 ? "avx2" : "portable";
    return "resfuse_" + kernel + ":" + isa;
  }

  private static @Nullable String load() {
    String problem = problem();
    if (problem != null) {
      log.info("onednn: without kernels of our own, training is a little slower: {}", problem);
    }
    return problem;
  }

  /** Loads the library. */
  private static @Nullable String problem() {
    if (Settings.CPU_KERNELS.value().orElse("").equals("off")) {
      return Settings.CPU_KERNELS.key() + " is off";
    }
    return NativeFiles.load(NAME);
  }

  /**
   * Normalises.
   *
   * @param arguments of {@code NormArguments} in {@code native/cpu/src/norm.h}
   */
  static void normForward(long arguments) {
    normForward(VECTOR_FLOATS, arguments);
  }

  /** The gradients of {@link #normForward}. */
  static void normBackward(long arguments) {
    normBackward(VECTOR_FLOATS, arguments);
  }

  /**
   * Squeezes and excites.
   *
   * @param arguments of {@code GateArguments} in {@code native/cpu/src/gate.h}
   */
  static void gateForward(long arguments) {
    gateForward(VECTOR_FLOATS, arguments);
  }

  /** The gradients of {@link #gateForward}. */
  static void gateBackward(long arguments) {
    gateBackward(VECTOR_FLOATS, arguments);
  }

  /** Whether there are kernels for convolutions: they want AVX2 at least. */
  static boolean canConvolve() {
    return areThere() && VECTOR_FLOATS >= 8;
  }

  /** How many channels kernels work on at a time, at most. */
  static int vectorFloats() {
    return VECTOR_FLOATS;
  }

  /**
   * Convolves by 3x3.
   *
   * @param arguments of {@code WinogradArguments} in {@code native/cpu/src/winograd.h}
   */
  static void winogradConvolve(long arguments) {
    winogradConvolve(VECTOR_FLOATS, arguments);
  }

  /**
   * The gradient of the weights of a convolution by 3x3.
   *
   * @param arguments of {@code WinogradGradientArguments} in {@code native/cpu/src/winograd.h}
   */
  static void winogradGradient(long arguments) {
    winogradGradient(VECTOR_FLOATS, arguments);
  }

  private static native void winogradConvolve(int vectorFloats, long arguments);

  private static native void winogradGradient(int vectorFloats, long arguments);

  /**
   * The scratch memory that {@link #winogradConvolve} needs, in floats.
   *
   * @param size address of a {@code WinogradSize}
   */
  static native long winogradScratchFloats(long size);

  /**
   * The scratch memory that a gradient of weights needs, in floats.
   *
   * @param size address of a {@code WinogradSize}
   */
  static native long winogradGradientScratchFloats(long size);

  private static native void gateForward(int vectorFloats, long arguments);

  private static native void gateBackward(int vectorFloats, long arguments);

  private static native void normForward(int vectorFloats, long arguments);

  private static native void normBackward(int vectorFloats, long arguments);

  /** The scratch memory that both need, in bytes. */
  static native long normScratchBytes(long images, long channels, long pixels, long block);
}
