package io.resfuse.engine.cuda;

import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_HANDLE;
import static jcuda.driver.CUresult.CUDA_ERROR_NOT_READY;
import static jcuda.driver.CUresult.CUDA_SUCCESS;
import static jcuda.driver.JCudaDriver.cuCtxGetStreamPriorityRange;
import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventDestroy;
import static jcuda.driver.JCudaDriver.cuEventElapsedTime;
import static jcuda.driver.JCudaDriver.cuEventQuery;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuEventSynchronize;
import static jcuda.driver.JCudaDriver.cuMemAllocAsync;
import static jcuda.driver.JCudaDriver.cuMemAllocHost;
import static jcuda.driver.JCudaDriver.cuMemFreeAsync;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoHAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;
import static jcuda.driver.JCudaDriver.cuMemsetD32Async;
import static jcuda.driver.JCudaDriver.cuStreamAddCallback;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamCreateWithPriority;
import static jcuda.driver.JCudaDriver.cuStreamDestroy;
import static jcuda.driver.JCudaDriver.cuStreamGetPriority;
import static jcuda.driver.JCudaDriver.cuStreamQuery;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;
import static jcuda.driver.JCudaDriver.cuStreamWaitEvent;
import static jcuda.driver.JCudaDriver.cuStreamWaitValue32;
import static jcuda.driver.JCudaDriver.cuStreamWriteValue32;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUfunction;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamWaitValue_flags;
import jcuda.driver.CUstream_flags;
import org.junit.jupiter.api.Test;

/** Streams and events through JCuda. */
class SoftCudaStreamsTest extends CudaFixture {
  /** {@code *p = *p * factor + term} by one thread: the order of launches shows in the result. */
  static final String STEP =
      """
      .version 7.0
      .target sm_80
      .address_size 64
      .visible .entry step(.param .u64 p, .param .u32 factor, .param .u32 term)
      {
        .reg .b32 %r<5>; .reg .b64 %rd<3>;
        ld.param.u64 %rd1, [p]; ld.param.u32 %r1, [factor]; ld.param.u32 %r2, [term];
        ld.global.u32 %r3, [%rd1];
        mad.lo.u32 %r4, %r3, %r1, %r2;
        st.global.u32 [%rd1], %r4;
        ret;
      }
      """;

  private static CUstream stream() {
    CUstream stream = new CUstream();
    ok(cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
    return stream;
  }

  private static CUevent event(int flags) {
    CUevent event = new CUevent();
    ok(cuEventCreate(event, flags));
    return event;
  }

  @Test
  void launchesOfOneStreamKeepTheirOrder() {
    CUfunction step = function(load(STEP), "step");
    CUstream stream = stream();
    CUdeviceptr word = upload(1);
    int expected = 1;
    for (int i = 0; i < 100; i++) {
      ok(launchOn(stream, step, 1, 1, 0, word, 3, i));
      expected = expected * 3 + i;
    }
    ok(cuStreamSynchronize(stream));
    assertThat(downloadInts(word, 1)).containsExactly(expected);
    ok(cuStreamDestroy(stream));
    fails(cuStreamSynchronize(stream), CUDA_ERROR_INVALID_HANDLE);
  }

  @Test
  void workIsAsynchronousAndEventsOrderIt() throws InterruptedException {
    CUfunction step = function(load(STEP), "step");
    CUstream a = stream();
    CUstream b = stream();
    CUstream opener = stream();
    CUdeviceptr words = upload(0, 7);
    CUdeviceptr result = words.withByteOffset(4);
    CUevent event = event(CUevent_flags.CU_EVENT_DISABLE_TIMING);
    int equal = CUstreamWaitValue_flags.CU_STREAM_WAIT_VALUE_EQ;
    ok(cuStreamWaitValue32(a, words, 1, equal));
    ok(launchOn(a, step, 1, 1, 0, result, 10, 1));
    ok(cuEventRecord(event, a));
    ok(cuStreamWaitEvent(b, event, 0));
    ok(launchOn(b, step, 1, 1, 0, result, 2, 0));
    Thread.sleep(20);
    fails(cuStreamQuery(b), CUDA_ERROR_NOT_READY);
    fails(cuEventQuery(event), CUDA_ERROR_NOT_READY);
    ok(cuStreamWriteValue32(opener, words, 1, 0));
    ok(cuStreamSynchronize(b));
    ok(cuEventQuery(event));
    assertThat(downloadInts(words, 2)).containsExactly(1, (7 * 10 + 1) * 2);
  }

  @Test
  void pageLockedMemoryIsCopiedAsynchronously() {
    CUstream stream = stream();
    Pointer host = new Pointer();
    ok(cuMemAllocHost(host, 4000));
    var bytes = host.getByteBuffer(0, 4000).order(ByteOrder.nativeOrder()).asIntBuffer();
    for (int i = 0; i < 1000; i++) {
      bytes.put(i, i * i);
    }
    CUdeviceptr device = new CUdeviceptr();
    ok(cuMemAllocAsync(device, 4000, stream));
    ok(cuMemcpyHtoDAsync(device, host, 4000, stream));
    ok(cuMemsetD32Async(device, 5, 10, stream));
    ok(cuMemcpyDtoHAsync(host, device, 4000, stream));
    ok(cuMemFreeAsync(device, stream));
    ok(cuStreamSynchronize(stream));
    assertThat(bytes.get(9)).isEqualTo(5);
    assertThat(bytes.get(10)).isEqualTo(100);
    ok(cuMemFreeHost(host));
  }

  @Test
  void eventsTellTimes() {
    CUevent start = event(0);
    CUevent end = event(0);
    float[] milliseconds = {-1};
    fails(cuEventElapsedTime(milliseconds, start, end), CUDA_ERROR_INVALID_HANDLE);
    ok(cuEventRecord(start, null));
    ok(cuStreamAddCallback(null, (stream, status, data) -> sleep(20), null, 0));
    ok(cuEventRecord(end, null));
    ok(cuEventSynchronize(end));
    ok(cuEventElapsedTime(milliseconds, start, end));
    assertThat(milliseconds[0]).isBetween(19f, 10_000f);
    ok(cuEventDestroy(start));
    fails(cuEventRecord(start, null), CUDA_ERROR_INVALID_HANDLE);
  }

  @Test
  void callbacksComeInOrder() {
    CUstream stream = stream();
    List<Integer> order = new ArrayList<>();
    AtomicInteger status = new AtomicInteger(-1);
    CountDownLatch done = new CountDownLatch(10);
    for (int i = 0; i < 10; i++) {
      int number = i;
      ok(
          cuStreamAddCallback(
              stream,
              (s, result, data) -> {
                order.add(number);
                status.set(result);
                done.countDown();
              },
              null,
              0));
    }
    ok(cuStreamSynchronize(stream));
    assertThat(done.getCount()).isZero();
    assertThat(order).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    assertThat(status.get()).isEqualTo(CUDA_SUCCESS);
  }

  @Test
  void priorities() {
    int[] least = new int[1];
    int[] greatest = new int[1];
    ok(cuCtxGetStreamPriorityRange(least, greatest));
    assertThat(greatest[0]).isLessThan(least[0]);
    CUstream stream = new CUstream();
    ok(cuStreamCreateWithPriority(stream, 0, greatest[0]));
    int[] priority = new int[1];
    ok(cuStreamGetPriority(stream, priority));
    assertThat(priority[0]).isEqualTo(greatest[0]);
  }

  @Test
  void manyThreadsShareAContext() throws InterruptedException {
    CUfunction step = function(load(STEP), "step");
    AtomicInteger right = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int t = 0; t < 6; t++) {
      int number = t;
      Thread thread =
          new Thread(
              () -> {
                ok(cuCtxSetCurrent(context));
                CUstream stream = stream();
                CUdeviceptr word = upload(number);
                int expected = number;
                for (int i = 0; i < 50; i++) {
                  ok(launchOn(stream, step, 1, 1, 0, word, 5, i));
                  expected = expected * 5 + i;
                }
                ok(cuStreamSynchronize(stream));
                if (downloadInts(word, 1)[0] == expected) {
                  right.incrementAndGet();
                }
                free(word);
              });
      threads.add(thread);
      thread.start();
    }
    for (Thread thread : threads) {
      thread.join(TimeUnit.MINUTES.toMillis(1));
    }
    assertThat(right.get()).isEqualTo(6);
  }

  private static void sleep(int milliseconds) {
    try {
      Thread.sleep(milliseconds);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
