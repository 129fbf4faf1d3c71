package io.resfuse.engine.cudnn.internal.dnn;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.internal.program.WorkTimer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * Chooses how cuDNN works on a device. Thread-safe.
 *
 * @param handle of the device
 * @param choice whether by cuDNN's heuristics or by times
 * @param timer of the device
 */
public record Planner(Handle handle, AlgorithmChoice choice, WorkTimer timer) {
  /**
   * The plan for a graph. By times it is the fastest of those that the heuristics offer and for
   * which there is memory.
   *
   * @param graph whose operands are all on the device
   * @param what it is, for messages
   */
  GraphPlan choose(OperationGraph graph, String what) {
    List<GraphPlan> plans = GraphPlan.of(handle, graph, what);
    return choice == AlgorithmChoice.HEURISTICS
        ? plans.get(0)
        : fastest(plans, plan -> milliseconds(plan, graph.operands()), what);
  }

  /** The plan that the heuristics hold to be the fastest. */
  GraphPlan first(OperationGraph graph, String what) {
    return GraphPlan.of(handle, graph, what).get(0);
  }

  /** The last of the timed operands is the plan's scratch memory. */
  private double milliseconds(GraphPlan plan, Map<Long, Long> operands) {
    long[] ids = operands.keySet().stream().mapToLong(Long::longValue).toArray();
    long[] bytes = new long[ids.length + 1];
    Arrays.setAll(
        bytes, i -> i < ids.length ? operands.getOrDefault(ids[i], 0L) : plan.workspaceBytes());
    return timer.milliseconds(
        bytes,
        (stream, at) -> plan.run(stream, ids, Arrays.copyOf(at, ids.length), at[ids.length]));
  }

  /**
   * The candidate that takes the least time.
   *
   * @param time of a candidate; one for which it throws is left out
   * @param what all of them do, for messages
   * @throws EngineException if none is left
   */
  static <T> T fastest(List<T> candidates, ToDoubleFunction<T> time, String what) {
    T fastest = null;
    double least = Double.POSITIVE_INFINITY;
    EngineException refusal = null;
    for (T candidate : candidates) {
      try {
        double taken = time.applyAsDouble(candidate);
        if (taken < least) {
          least = taken;
          fastest = candidate;
        }
      } catch (EngineException e) {
        refusal = e;
      }
    }
    if (fastest == null) {
      throw new EngineException(
          "none of the " + candidates.size() + " plans of cuDNN for " + what + " runs here",
          refusal);
    }
    return fastest;
  }
}
