package io.resfuse.engine.cuda;

import static jcuda.driver.CUresult.CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_VALUE;
import static jcuda.driver.CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
import static jcuda.driver.CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuGraphAddDependencies;
import static jcuda.driver.JCudaDriver.cuGraphAddEmptyNode;
import static jcuda.driver.JCudaDriver.cuGraphAddKernelNode;
import static jcuda.driver.JCudaDriver.cuGraphAddMemsetNode;
import static jcuda.driver.JCudaDriver.cuGraphClone;
import static jcuda.driver.JCudaDriver.cuGraphCreate;
import static jcuda.driver.JCudaDriver.cuGraphDestroy;
import static jcuda.driver.JCudaDriver.cuGraphExecDestroy;
import static jcuda.driver.JCudaDriver.cuGraphExecKernelNodeSetParams;
import static jcuda.driver.JCudaDriver.cuGraphGetNodes;
import static jcuda.driver.JCudaDriver.cuGraphInstantiate;
import static jcuda.driver.JCudaDriver.cuGraphLaunch;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoDAsync;
import static jcuda.driver.JCudaDriver.cuMemsetD32Async;
import static jcuda.driver.JCudaDriver.cuStreamBeginCapture;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamEndCapture;
import static jcuda.driver.JCudaDriver.cuStreamIsCapturing;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;
import static jcuda.driver.JCudaDriver.cuStreamWaitEvent;
import static org.assertj.core.api.Assertions.assertThat;

import jcuda.driver.CUDA_KERNEL_NODE_PARAMS;
import jcuda.driver.CUDA_MEMSET_NODE_PARAMS;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUgraphNode;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstreamCaptureStatus;
import jcuda.driver.CUstream_flags;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Graphs, captured and built by hand, through JCuda. */
class SoftCudaGraphsTest extends CudaFixture {
  private static final int GLOBAL = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL;

  private CUstream stream;
  private CUfunction step;

  @BeforeEach
  void prepare() {
    stream = newStream();
    step = function(load(SoftCudaStreamsTest.STEP), "step");
  }

  private static CUstream newStream() {
    CUstream stream = new CUstream();
    ok(cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
    return stream;
  }

  private static CUevent newEvent() {
    CUevent event = new CUevent();
    ok(cuEventCreate(event, 0));
    return event;
  }

  private static CUgraphExec instantiate(CUgraph graph) {
    CUgraphExec exec = new CUgraphExec();
    ok(cuGraphInstantiate(exec, graph, 0));
    return exec;
  }

  private static long nodes(CUgraph graph) {
    long[] count = new long[1];
    ok(cuGraphGetNodes(graph, null, count));
    return count[0];
  }

  private int capturing() {
    int[] status = new int[1];
    ok(cuStreamIsCapturing(stream, status));
    return status[0];
  }

  @Test
  void aCapturedPassIsReplayed() {
    CUdeviceptr word = upload(-1);
    ok(cuStreamBeginCapture(stream, GLOBAL));
    assertThat(capturing()).isEqualTo(CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_ACTIVE);
    ok(cuMemsetD32Async(word, 1, 1, stream));
    int expected = 1;
    for (int i = 0; i < 10; i++) {
      ok(launchOn(stream, step, 1, 1, 0, word, 3, i));
      expected = expected * 3 + i;
    }
    CUgraph graph = new CUgraph();
    ok(cuStreamEndCapture(stream, graph));
    assertThat(nodes(graph)).isEqualTo(11);
    assertThat(downloadInts(word, 1)).containsExactly(-1);
    CUgraphExec exec = instantiate(graph);
    for (int i = 0; i < 5; i++) {
      ok(cuGraphLaunch(exec, stream));
      ok(launchOn(stream, step, 1, 1, 0, word, 1, i));
    }
    ok(cuStreamSynchronize(stream));
    assertThat(downloadInts(word, 1)).containsExactly(expected + 4);
    ok(cuGraphExecDestroy(exec));
    ok(cuGraphDestroy(graph));
  }

  @Test
  void capturesForkAndJoin() {
    CUstream side = newStream();
    CUevent fork = newEvent();
    CUevent join = newEvent();
    CUdeviceptr words = upload(0, 0, 0);
    ok(cuStreamBeginCapture(stream, GLOBAL));
    ok(cuMemsetD32Async(words, 5, 1, stream));
    ok(cuEventRecord(fork, stream));
    ok(cuStreamWaitEvent(side, fork, 0));
    ok(cuMemcpyDtoDAsync(words.withByteOffset(4), words, 4, side));
    ok(cuEventRecord(join, side));
    ok(cuStreamWaitEvent(stream, join, 0));
    ok(launchOn(stream, step, 1, 1, 0, words.withByteOffset(4), 2, 1));
    CUgraph graph = new CUgraph();
    ok(cuStreamEndCapture(stream, graph));
    ok(cuGraphLaunch(instantiate(graph), stream));
    ok(cuStreamSynchronize(stream));
    assertThat(downloadInts(words, 3)).containsExactly(5, 11, 0);
  }

  @Test
  void anAllocationSpoilsACapture() {
    ok(cuStreamBeginCapture(stream, GLOBAL));
    fails(cuMemAlloc(new CUdeviceptr(), 16), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    assertThat(capturing()).isEqualTo(CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_INVALIDATED);
    fails(cuStreamEndCapture(stream, new CUgraph()), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    ok(cuStreamBeginCapture(stream, GLOBAL));
    fails(cuStreamSynchronize(stream), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    fails(cuStreamEndCapture(stream, new CUgraph()), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  }

  @Test
  void graphsAreBuiltByHandAndUpdated() {
    CUdeviceptr word = upload(0);
    CUgraph graph = new CUgraph();
    ok(cuGraphCreate(graph, 0));
    CUDA_MEMSET_NODE_PARAMS fill = new CUDA_MEMSET_NODE_PARAMS();
    fill.dst = word;
    fill.value = 4;
    fill.elementSize = 4;
    fill.width = 1;
    fill.height = 1;
    CUgraphNode start = new CUgraphNode();
    ok(cuGraphAddMemsetNode(start, graph, null, 0, fill, context));
    CUgraphNode kernel = new CUgraphNode();
    ok(cuGraphAddKernelNode(kernel, graph, new CUgraphNode[] {start}, 1, stepNode(word, 10, 2)));
    CUgraph clone = new CUgraph();
    ok(cuGraphClone(clone, graph));
    CUgraphExec exec = instantiate(graph);
    ok(cuGraphLaunch(exec, stream));
    ok(cuStreamSynchronize(stream));
    assertThat(downloadInts(word, 1)).containsExactly(42);
    ok(cuGraphExecKernelNodeSetParams(exec, kernel, stepNode(word, 100, 1)));
    ok(cuGraphLaunch(exec, stream));
    ok(cuStreamSynchronize(stream));
    assertThat(downloadInts(word, 1)).containsExactly(401);
    ok(cuGraphLaunch(instantiate(clone), stream));
    ok(cuStreamSynchronize(stream));
    assertThat(downloadInts(word, 1)).containsExactly(42);
  }

  private CUDA_KERNEL_NODE_PARAMS stepNode(CUdeviceptr word, int factor, int term) {
    CUDA_KERNEL_NODE_PARAMS node = new CUDA_KERNEL_NODE_PARAMS();
    node.func = step;
    node.gridDimX = node.gridDimY = node.gridDimZ = 1;
    node.blockDimX = node.blockDimY = node.blockDimZ = 1;
    node.kernelParams = parameters(word, factor, term);
    return node;
  }

  @Test
  void cyclesAreRefused() {
    CUgraph graph = new CUgraph();
    ok(cuGraphCreate(graph, 0));
    CUgraphNode a = new CUgraphNode();
    CUgraphNode b = new CUgraphNode();
    ok(cuGraphAddEmptyNode(a, graph, null, 0));
    ok(cuGraphAddEmptyNode(b, graph, new CUgraphNode[] {a}, 1));
    fails(
        cuGraphAddDependencies(graph, new CUgraphNode[] {b}, new CUgraphNode[] {a}, 1),
        CUDA_ERROR_INVALID_VALUE);
    assertThat(name(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE)).startsWith("CUDA_ERROR_GRAPH");
  }
}
