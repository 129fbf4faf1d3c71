package io.resfuse.engine.cuda.internal.driver;

import static jcuda.driver.JCudaDriver.cuGraphDestroy;
import static jcuda.driver.JCudaDriver.cuGraphExecDestroy;
import static jcuda.driver.JCudaDriver.cuGraphInstantiate;
import static jcuda.driver.JCudaDriver.cuGraphLaunch;

import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;

/** Recorded work that starts with one call; made by {@link Stream#capture}. */
public final class Graph implements AutoCloseable {
  private final Context context;
  private final CUgraphExec handle = new CUgraphExec();
  private boolean closed;

  /** Instantiates a captured graph, which is destroyed in any case. */
  Graph(Context context, CUgraph captured) {
    this.context = context;
    int result = cuGraphInstantiate(handle, captured, 0);
    cuGraphDestroy(captured);
    context.check(result, "instantiating a graph");
    context.acquired();
  }

  int start(Stream stream) {
    return cuGraphLaunch(handle, stream.handle());
  }

  /** Destroys it. Idempotent. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      context.use();
      context.released(cuGraphExecDestroy(handle), "destroying a graph");
    }
  }
}
