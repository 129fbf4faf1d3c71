package io.resfuse.engine.cuda;

import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuFuncGetAttribute;
import static jcuda.driver.JCudaDriver.cuLaunchCooperativeKernel;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static jcuda.driver.JCudaDriver.cuMemsetD32;
import static jcuda.driver.JCudaDriver.cuModuleGetGlobal;
import static jcuda.driver.JCudaDriver.cuModuleUnload;
import static jcuda.driver.JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.stream.IntStream;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;
import org.junit.jupiter.api.Test;

/** Kernels compiled by nvcc, launched through JCuda, against plain Java. */
class SoftCudaKernelsTest extends CudaFixture {
  @Test
  void vectorAdd() throws IOException {
    CUmodule module = load(Files.readString(Path.of("native/softcuda/test/driver/data/add.ptx")));
    CUfunction add = function(module, "add");
    int n = 10_007;
    float[] a = new float[n];
    float[] b = new float[n];
    Random random = new Random(1);
    for (int i = 0; i < n; i++) {
      a[i] = random.nextFloat();
      b[i] = random.nextFloat();
    }
    CUdeviceptr x = upload(a);
    CUdeviceptr y = upload(b);
    CUdeviceptr z = allocate(n * 4L);
    ok(launch(add, (n + 255) / 256, 256, x, y, z, n));
    float[] sums = downloadFloats(z, n);
    for (int i = 0; i < n; i++) {
      assertThat(sums[i]).isEqualTo(Math.fma(2f, b[i], a[i]));
    }
    // The module's variable, changed from outside.
    CUdeviceptr scale = new CUdeviceptr();
    long[] size = new long[1];
    ok(cuModuleGetGlobal(scale, size, module, "scale"));
    assertThat(size[0]).isEqualTo(4);
    ok(cuMemcpyHtoD(scale, Pointer.to(new float[] {-1}), 4));
    ok(launch(add, (n + 255) / 256, 256, x, y, z, n));
    assertThat(downloadFloats(z, n)[77]).isEqualTo(a[77] - b[77]);
    free(x, y, z);
    ok(cuModuleUnload(module));
  }

  @Test
  void reductions() throws IOException {
    CUmodule module = module("kernels/reductions");
    int n = 100_003;
    int[] values = new Random(2).ints(n, -1000, 1000).toArray();
    int expected = IntStream.of(values).sum();
    CUdeviceptr in = upload(values);
    CUdeviceptr out = upload(0);
    // Shuffles and an atomic per block.
    ok(launch(function(module, "sumShuffleInt"), 30, 256, in, out, n));
    assertThat(downloadInts(out, 1)).containsExactly(expected);
    // A tree in dynamic shared memory, then another over the blocks' sums.
    CUdeviceptr partial = allocate(32 * 4);
    CUfunction tree = function(module, "sumSharedInt");
    ok(launchOn(null, tree, 32, 128, 128 * 4, in, partial, n));
    ok(launchOn(null, tree, 1, 32, 32 * 4, partial, out, 32));
    assertThat(downloadInts(out, 1)).containsExactly(expected);
    free(in, out, partial);
  }

  @Test
  void cooperativeGridReduction() throws IOException {
    CUmodule module = module("kernels/cooperative");
    int n = 5000;
    int[] values = new Random(3).ints(n, -1000, 1000).toArray();
    CUdeviceptr in = upload(values);
    CUdeviceptr partial = allocate(20 * 4);
    CUdeviceptr out = upload(0);
    ok(
        cuLaunchCooperativeKernel(
            function(module, "gridReduction"),
            20,
            1,
            1,
            128,
            1,
            1,
            0,
            null,
            parameters(in, partial, out, n)));
    assertThat(downloadInts(out, 1)).containsExactly(IntStream.of(values).sum());
    free(in, partial, out);
  }

  /** Small integers in fp16: every product and sum is exact, whatever the order. */
  @Test
  void tensorCoreProduct() throws IOException {
    int m = 128;
    int n = 64;
    int k = 96;
    Random random = new Random(4);
    short[] a = new short[m * k];
    short[] b = new short[n * k];
    int[] av = random.ints((long) m * k, -8, 8).toArray();
    int[] bv = random.ints((long) n * k, -8, 8).toArray();
    for (int i = 0; i < a.length; i++) {
      a[i] = half(av[i]);
    }
    for (int i = 0; i < b.length; i++) {
      b[i] = half(bv[i]);
    }
    CUdeviceptr da = upload(a);
    CUdeviceptr db = upload(b);
    CUdeviceptr dc = allocate((long) m * n * 4);
    ok(cuMemsetD32(dc, 0x7fc00000, (long) m * n));
    CUfunction product = function(module("kernels/gemm_mma"), "gemmF16");
    ok(
        cuLaunchKernel(
            product,
            n / 64,
            m / 64,
            1,
            128,
            1,
            1,
            3 * 2 * 64 * 64,
            null,
            parameters(da, db, dc, n, k),
            null));
    ok(cuCtxSynchronize());
    float[] c = downloadFloats(dc, m * n);
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        int expected = 0;
        for (int p = 0; p < k; p++) {
          expected += av[i * k + p] * bv[j * k + p];
        }
        assertThat(c[i * n + j]).isEqualTo(expected);
      }
    }
    free(da, db, dc);
  }

  @Test
  void functionsAndOccupancy() throws IOException {
    CUfunction f = function(module("kernels/reductions"), "sumShuffleInt");
    int[] value = new int[1];
    ok(cuFuncGetAttribute(value, CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, f));
    assertThat(value[0]).isEqualTo(32 * 4);
    ok(cuFuncGetAttribute(value, CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS, f));
    assertThat(value[0]).isPositive();
    ok(cuOccupancyMaxActiveBlocksPerMultiprocessor(value, f, 1024, 0));
    assertThat(value[0]).isBetween(1, 2);
  }

  @Test
  void countersAreCollectedOnDemand() throws IOException {
    CUfunction sum = function(module("kernels/reductions"), "sumShuffleInt");
    CUdeviceptr in = upload(IntStream.range(0, 1024).toArray());
    CUdeviceptr out = upload(0);
    SoftCuda.collectCounters(true);
    try {
      ok(launch(sum, 2, 256, in, out, 1024));
      ok(cuCtxSynchronize());
    } finally {
      SoftCuda.collectCounters(false);
    }
    assertThat(SoftCuda.lastCounters().orElseThrow()).startsWith("{").contains("sumShuffleInt");
    int[] result = new int[1];
    ok(cuMemcpyDtoH(Pointer.to(result), out, 4));
    assertThat(result[0]).isEqualTo(1023 * 1024 / 2);
    free(in, out);
  }

  /** The bits of a small integer as fp16. */
  private static short half(int value) {
    if (value == 0) {
      return 0;
    }
    int magnitude = Math.abs(value);
    int exponent = 31 - Integer.numberOfLeadingZeros(magnitude);
    int fraction = (magnitude << (10 - exponent)) & 0x3ff;
    return (short) ((value < 0 ? 0x8000 : 0) | (exponent + 15) << 10 | fraction);
  }
}
