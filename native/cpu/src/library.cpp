// What Java calls: io.resfuse.engine.onednn.CpuKernels. No JNI function is needed, so that neither is jni.h.
#include "gate.h"
#include "norm.h"
#include "runs.h"
#include "tiles.h"
#include "winograd.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

namespace resfuse {
namespace {

// What one instruction set has.
struct Kernels {
  const GateKernels& gate;
  const NormKernels& norm;
  const WinogradKernels& winograd;
};

// By the number of floats in a vector register, as oneDNN uses it: it may have been told to use less than the CPU has.
Kernels kernels(int32_t vector_floats) {
#ifdef __x86_64__
  if (vector_floats >= 16) {
    return {gate_kernels_avx512(), norm_kernels_avx512(), winograd_kernels_avx512()};
  }
  if (vector_floats >= 8) {
    return {gate_kernels_avx2(), norm_kernels_avx2(), winograd_kernels_avx2()};
  }
#else
  (void)vector_floats;
#endif
  return {gate_kernels_portable(), norm_kernels_portable(), winograd_kernels_portable()};
}

}  // namespace

int64_t winograd_scratch_floats(const WinogradSize& size) {
  const Tiles tiles(size);
  const int64_t doubles = static_cast<int64_t>(sizeof(double) / sizeof(float));
  return size.threads * tiles.thread_floats() + Tiles::sums(tiles.strips, size.out_channels) * doubles;
}

int64_t winograd_gradient_scratch_floats(const WinogradSize& size) {
  const GradientTiles tiles(size);
  return tiles.chunks * tiles.part + size.threads * tiles.scratch;
}

int64_t norm_scratch_bytes(int64_t images, int64_t channels, int64_t pixels, int64_t block) {
  const Runs runs(images, channels, pixels, block);
  const int64_t sums = runs.count * runs.together * 2 * runs.width * static_cast<int64_t>(sizeof(double));
  return sums + 3 * channels * static_cast<int64_t>(sizeof(float));
}

}  // namespace resfuse

EXPORTED void Java_io_resfuse_engine_onednn_CpuKernels_normForward(void*, void*, int32_t vector_floats, int64_t arguments) {
  resfuse::kernels(vector_floats).norm.forward(*reinterpret_cast<const resfuse::NormArguments*>(arguments));
}

EXPORTED void Java_io_resfuse_engine_onednn_CpuKernels_normBackward(void*, void*, int32_t vector_floats, int64_t arguments) {
  resfuse::kernels(vector_floats).norm.backward(*reinterpret_cast<const resfuse::NormArguments*>(arguments));
}

EXPORTED int64_t Java_io_resfuse_engine_onednn_CpuKernels_normScratchBytes(
    void*, void*, int64_t images, int64_t channels, int64_t pixels, int64_t block) {
  return resfuse::norm_scratch_bytes(images, channels, pixels, block);
}

EXPORTED void Java_io_resfuse_engine_onednn_CpuKernels_winogradConvolve(void*, void*, int32_t vector_floats, int64_t arguments) {
  resfuse::kernels(vector_floats).winograd.convolve(*reinterpret_cast<const resfuse::WinogradArguments*>(arguments));
}

EXPORTED void Java_io_resfuse_engine_onednn_CpuKernels_winogradGradient(void*, void*, int32_t vector_floats, int64_t arguments) {
  resfuse::kernels(vector_floats).winograd.gradient(*reinterpret_cast<const resfuse::WinogradGradientArguments*>(arguments));
}

EXPORTED int64_t Java_io_resfuse_engine_onednn_CpuKernels_winogradScratchFloats(void*, void*, int64_t size) {
  return resfuse::winograd_scratch_floats(*reinterpret_cast<const resfuse::WinogradSize*>(size));
}

EXPORTED int64_t Java_io_resfuse_engine_onednn_CpuKernels_winogradGradientScratchFloats(void*, void*, int64_t size) {
  return resfuse::winograd_gradient_scratch_floats(*reinterpret_cast<const resfuse::WinogradSize*>(size));
}

EXPORTED void Java_io_resfuse_engine_onednn_CpuKernels_gateForward(void*, void*, int32_t vector_floats, int64_t arguments) {
  resfuse::kernels(vector_floats).gate.forward(*reinterpret_cast<const resfuse::GateArguments*>(arguments));
}

EXPORTED void Java_io_resfuse_engine_onednn_CpuKernels_gateBackward(void*, void*, int32_t vector_floats, int64_t arguments) {
  resfuse::kernels(vector_floats).gate.backward(*reinterpret_cast<const resfuse::GateArguments*>(arguments));
}
