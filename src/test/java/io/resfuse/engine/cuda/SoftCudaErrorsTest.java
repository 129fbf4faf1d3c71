package io.resfuse.engine.cuda;

import static jcuda.driver.CUresult.CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
import static jcuda.driver.CUresult.CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
import static jcuda.driver.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_CONTEXT;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_DEVICE;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_HANDLE;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_PTX;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_VALUE;
import static jcuda.driver.CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
import static jcuda.driver.CUresult.CUDA_ERROR_MISALIGNED_ADDRESS;
import static jcuda.driver.CUresult.CUDA_ERROR_NOT_FOUND;
import static jcuda.driver.CUresult.CUDA_ERROR_NOT_SUPPORTED;
import static jcuda.driver.CUresult.CUDA_ERROR_OUT_OF_MEMORY;
import static jcuda.driver.CUresult.CUDA_SUCCESS;
import static jcuda.driver.JCudaDriver.cuArrayCreate;
import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuFuncSetAttribute;
import static jcuda.driver.JCudaDriver.cuLaunchCooperativeKernel;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemHostUnregister;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static jcuda.driver.JCudaDriver.cuMemsetD32;
import static jcuda.driver.JCudaDriver.cuModuleGetFunction;
import static jcuda.driver.JCudaDriver.cuModuleLoadDataJIT;
import static jcuda.driver.JCudaDriver.cuModuleUnload;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;
import jcuda.Pointer;
import jcuda.Sizeof;
import jcuda.driver.CUDA_ARRAY_DESCRIPTOR;
import jcuda.driver.CUarray;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUmodule;
import jcuda.driver.JITOptions;
import org.junit.jupiter.api.Test;

/** What softcuda says to wrong calls and wrong kernels, as JCuda's users see it. */
class SoftCudaErrorsTest extends CudaFixture {
  /** A kernel without parameters and one whose launch bounds are 128 threads. */
  private static final String SMALL =
      """
      .version 7.0
      .target sm_80
      .address_size 64
      .visible .entry nothing() { ret; }
      .visible .entry bounded(.param .u64 p) .maxntid 128, 1, 1 { ret; }
      """;

  private CUfunction broken(String kernel) throws IOException {
    return function(module("broken/broken"), kernel);
  }

  @Test
  void anAccessPastTheEndIsStickyAndReported() throws IOException {
    CUdeviceptr in = upload(new float[100]);
    CUdeviceptr out = allocate(400);
    ok(launch(broken("offByOneFixed"), 2, 64, in, out, 100));
    ok(cuCtxSynchronize());
    ok(launch(broken("offByOne"), 2, 64, in, out, 100)); // a launch itself succeeds
    fails(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
    String report = SoftCuda.lastReport().orElseThrow();
    assertThat(report).contains("offByOne", "block", "thread", "past the end");
    // From now on everything in this context fails the same way.
    fails(cuMemAlloc(new CUdeviceptr(), 16), CUDA_ERROR_ILLEGAL_ADDRESS);
    fails(cuMemcpyDtoH(Pointer.to(new int[1]), out, 4), CUDA_ERROR_ILLEGAL_ADDRESS);
    fails(cuMemFree(in), CUDA_ERROR_ILLEGAL_ADDRESS);
    fails(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
    // A new context is sound.
    destroyContext();
    createContext();
    CUdeviceptr word = upload(1);
    assertThat(downloadInts(word, 1)).containsExactly(1);
  }

  @Test
  void misalignedAccess() throws IOException {
    CUdeviceptr in = upload(new float[64]);
    CUdeviceptr out = allocate(4096);
    ok(launch(broken("misaligned"), 1, 4, in, out));
    fails(cuCtxSynchronize(), CUDA_ERROR_MISALIGNED_ADDRESS);
    assertThat(SoftCuda.lastReport().orElseThrow()).contains("misaligned");
  }

  @Test
  void useAfterFree() throws IOException {
    CUfunction read = broken("readThrough");
    CUdeviceptr in = upload(new int[64]);
    CUdeviceptr out = allocate(256);
    free(in);
    ok(launch(read, 1, 64, in, out));
    fails(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
    assertThat(SoftCuda.lastReport().orElseThrow()).contains("readThrough", "freed");
  }

  @Test
  void deadlock() throws IOException {
    CUdeviceptr out = allocate(4096);
    ok(launch(broken("deadlock"), 1, 64, out));
    assertThat(cuCtxSynchronize()).isNotEqualTo(CUDA_SUCCESS);
    assertThat(SoftCuda.lastReport().orElseThrow()).contains("deadlock");
  }

  @Test
  void endlessRecursion() throws IOException {
    CUdeviceptr out = allocate(4096);
    ok(launch(broken("endlessRecursion"), 1, 32, out));
    assertThat(cuCtxSynchronize()).isNotEqualTo(CUDA_SUCCESS);
    assertThat(SoftCuda.lastReport().orElseThrow()).contains("endlessRecursion");
  }

  @Test
  void wrongPtxIsRefusedWithItsLine() {
    String text = SMALL.replace("{ ret; }\n.visible", "{ return; }\n.visible");
    byte[] image = (text + "\0").getBytes(StandardCharsets.US_ASCII);
    JITOptions options = new JITOptions();
    options.putInt(CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, 2000);
    options.putBytes(CUjit_option.CU_JIT_ERROR_LOG_BUFFER, new byte[2000]);
    fails(cuModuleLoadDataJIT(new CUmodule(), Pointer.to(image), options), CUDA_ERROR_INVALID_PTX);
    assertThat(options.getString(CUjit_option.CU_JIT_ERROR_LOG_BUFFER)).contains("line 4");
  }

  @Test
  void modulesAndFunctions() {
    CUmodule module = load(SMALL);
    fails(cuModuleGetFunction(new CUfunction(), module, "missing"), CUDA_ERROR_NOT_FOUND);
    assertThat(SoftCuda.lastMessage().orElseThrow()).contains("no kernel 'missing'");
    ok(cuModuleUnload(module));
    fails(cuModuleUnload(module), CUDA_ERROR_INVALID_HANDLE);
  }

  @Test
  void launchShapes() {
    CUmodule module = load(SMALL);
    CUfunction nothing = function(module, "nothing");
    fails(
        cuLaunchKernel(nothing, 1, 1, 1, 1025, 1, 1, 0, null, null, null),
        CUDA_ERROR_INVALID_VALUE);
    fails(
        cuLaunchKernel(nothing, 0, 1, 1, 32, 1, 1, 0, null, null, null), CUDA_ERROR_INVALID_VALUE);
    fails(
        cuLaunchKernel(nothing, 1, 1, 1, 32, 1, 1, 48 * 1024 + 1, null, null, null),
        CUDA_ERROR_INVALID_VALUE);
    fails(
        cuFuncSetAttribute(
            nothing,
            CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
            163 * 1024 + 1),
        CUDA_ERROR_INVALID_VALUE);
    ok(
        cuFuncSetAttribute(
            nothing,
            CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
            100 * 1024));
    ok(cuLaunchKernel(nothing, 1, 1, 1, 32, 1, 1, 100 * 1024, null, null, null));
    CUfunction bounded = function(module, "bounded");
    CUdeviceptr word = upload(0);
    ok(launch(bounded, 1, 128, word));
    fails(launch(bounded, 1, 129, word), CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
    fails(
        cuLaunchKernel(bounded, 1, 1, 1, 32, 1, 1, 0, null, null, null), CUDA_ERROR_INVALID_VALUE);
    fails(
        cuLaunchCooperativeKernel(nothing, 1_000_000, 1, 1, 256, 1, 1, 0, null, null),
        CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
    ok(cuCtxSynchronize());
  }

  @Test
  void memory() {
    CUdeviceptr memory = allocate(100);
    fails(cuMemAlloc(new CUdeviceptr(), 1L << 60), CUDA_ERROR_OUT_OF_MEMORY);
    assertThat(SoftCuda.lastMessage().orElseThrow()).contains("bytes asked for");
    fails(cuMemAlloc(new CUdeviceptr(), 0), CUDA_ERROR_INVALID_VALUE);
    fails(cuMemcpyHtoD(memory, Pointer.to(new int[26]), 26 * Sizeof.INT), CUDA_ERROR_INVALID_VALUE);
    fails(cuMemsetD32(memory, 0, 26), CUDA_ERROR_INVALID_VALUE);
    fails(cuMemsetD32(memory.withByteOffset(2), 0, 1), CUDA_ERROR_INVALID_VALUE);
    free(memory);
    fails(cuMemFree(memory), CUDA_ERROR_INVALID_VALUE);
    fails(
        cuMemHostUnregister(Pointer.to(java.nio.ByteBuffer.allocateDirect(64))),
        CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  }

  @Test
  void devicesAndContexts() throws InterruptedException {
    fails(cuDeviceGet(new CUdevice(), 99), CUDA_ERROR_INVALID_DEVICE);
    AtomicInteger result = new AtomicInteger();
    Thread other = new Thread(() -> result.set(cuMemAlloc(new CUdeviceptr(), 16)));
    other.start();
    other.join();
    fails(result.get(), CUDA_ERROR_INVALID_CONTEXT);
  }

  @Test
  void whatIsNotSupportedSaysSo() {
    CUDA_ARRAY_DESCRIPTOR descriptor = new CUDA_ARRAY_DESCRIPTOR();
    fails(cuArrayCreate(new CUarray(), descriptor), CUDA_ERROR_NOT_SUPPORTED);
    assertThat(SoftCuda.lastMessage().orElseThrow()).startsWith("cuArrayCreate_v2");
  }
}
