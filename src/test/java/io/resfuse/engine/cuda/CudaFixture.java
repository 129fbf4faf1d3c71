package io.resfuse.engine.cuda;

import static jcuda.driver.JCudaDriver.cuCtxCreate;
import static jcuda.driver.JCudaDriver.cuCtxDestroy;
import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuGetErrorName;
import static jcuda.driver.JCudaDriver.cuInit;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static jcuda.driver.JCudaDriver.cuModuleGetFunction;
import static jcuda.driver.JCudaDriver.cuModuleLoadData;
import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.internal.driver.JCudaNatives;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import jcuda.NativePointerObject;
import jcuda.Pointer;
import jcuda.Sizeof;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;

/** A CUDA context per test, on softcuda, and short ways to say what the tests say often. */
@ExtendWith(SoftCudaExtension.class)
abstract class CudaFixture {
  private static final Path TESTS = Path.of("native/softcuda/test");

  /** The test's context; current on its thread. */
  protected CUcontext context;

  @BeforeEach
  void createContext() {
    JCudaNatives.load("JCudaDriver", () -> JCudaDriver.setExceptionsEnabled(false));
    ok(cuInit(0));
    CUdevice device = new CUdevice();
    ok(cuDeviceGet(device, 0));
    context = new CUcontext();
    ok(cuCtxCreate(context, 0, device));
  }

  @AfterEach
  void destroyContext() {
    ok(cuCtxDestroy(context));
  }

  static void ok(int result) {
    if (result != CUresult.CUDA_SUCCESS) {
      assertThat(name(result) + " (" + SoftCuda.lastMessage().orElse("") + ")")
          .isEqualTo("CUDA_SUCCESS");
    }
  }

  static void fails(int result, int expected) {
    assertThat(name(result)).isEqualTo(name(expected));
  }

  static String name(int result) {
    String[] name = {""};
    cuGetErrorName(result, name);
    return name[0];
  }

  /** A module of softcuda's test kernels, {@code kernels/reductions} for example. */
  static CUmodule module(String name) throws IOException {
    Path path = TESTS.resolve(name.replace("/", "/ptx/") + ".ptx");
    return load(Files.readString(path));
  }

  static CUmodule load(String ptx) {
    byte[] text = (ptx + "\0").getBytes(StandardCharsets.US_ASCII);
    CUmodule module = new CUmodule();
    ok(cuModuleLoadData(module, text));
    return module;
  }

  static CUfunction function(CUmodule module, String name) {
    CUfunction function = new CUfunction();
    ok(cuModuleGetFunction(function, module, name));
    return function;
  }

  static CUdeviceptr allocate(long bytes) {
    CUdeviceptr memory = new CUdeviceptr();
    ok(cuMemAlloc(memory, bytes));
    return memory;
  }

  static CUdeviceptr upload(int... values) {
    CUdeviceptr memory = allocate((long) values.length * Sizeof.INT);
    ok(cuMemcpyHtoD(memory, Pointer.to(values), (long) values.length * Sizeof.INT));
    return memory;
  }

  static CUdeviceptr upload(float... values) {
    CUdeviceptr memory = allocate((long) values.length * Sizeof.FLOAT);
    ok(cuMemcpyHtoD(memory, Pointer.to(values), (long) values.length * Sizeof.FLOAT));
    return memory;
  }

  static CUdeviceptr upload(short... values) {
    CUdeviceptr memory = allocate((long) values.length * Sizeof.SHORT);
    ok(cuMemcpyHtoD(memory, Pointer.to(values), (long) values.length * Sizeof.SHORT));
    return memory;
  }

  static int[] downloadInts(CUdeviceptr memory, int count) {
    int[] values = new int[count];
    ok(cuMemcpyDtoH(Pointer.to(values), memory, (long) count * Sizeof.INT));
    return values;
  }

  static float[] downloadFloats(CUdeviceptr memory, int count) {
    float[] values = new float[count];
    ok(cuMemcpyDtoH(Pointer.to(values), memory, (long) count * Sizeof.FLOAT));
    return values;
  }

  static void free(CUdeviceptr... memory) {
    for (CUdeviceptr each : memory) {
      ok(cuMemFree(each));
    }
  }

  /** The pointer to kernel parameters for device pointers, {@code int}s and {@code float}s. */
  static Pointer parameters(Object... values) {
    return Pointer.to(
        Arrays.stream(values).map(CudaFixture::parameter).toArray(NativePointerObject[]::new));
  }

  private static NativePointerObject parameter(Object value) {
    if (value instanceof CUdeviceptr pointer) {
      return Pointer.to(pointer);
    }
    if (value instanceof Integer number) {
      return Pointer.to(new int[] {number});
    }
    return Pointer.to(new float[] {(Float) value});
  }

  static int launch(CUfunction function, int blocks, int threads, Object... values) {
    return launchOn(null, function, blocks, threads, 0, values);
  }

  static int launchOn(
      CUstream stream, CUfunction function, int blocks, int threads, int shared, Object... values) {
    return cuLaunchKernel(
        function, blocks, 1, 1, threads, 1, 1, shared, stream, parameters(values), null);
  }
}
