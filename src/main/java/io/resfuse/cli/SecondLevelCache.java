package io.resfuse.cli;

import io.resfuse.engine.cuda.KernelReport.Tensor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A model of a GPU's second-level cache between the launches of a plan: least recently used goes
 * first, and every launch walks through all its tensors from front to back at the same pace.
 *
 * <p>The element at share x of a tensor that launch i and, next, launch j are given is still there
 * in j if what was touched in the meantime fits into the cache: (1 - x) of i's tensors, those of
 * the launches between, and x of j's. What is there costs no bytes of memory; all else does, once,
 * what is written too (it is written back, or was written over before it had to be).
 *
 * <p>Within a launch, whatever several blocks are given is read from memory once, if what a wave of
 * resident blocks touches fits into the cache; else every time. Not thread-safe.
 */
final class SecondLevelCache {
  private final double capacity;
  private final List<List<Tensor>> launches = new ArrayList<>();
  private final Map<Integer, Integer> lastUse = new HashMap<>();

  /**
   * An empty one.
   *
   * @param capacity bytes
   */
  SecondLevelCache(double capacity) {
    this.capacity = capacity;
  }

  /**
   * Runs the next launch.
   *
   * @param tensors what it is given, each once
   * @param blockBytes what its blocks move, each element once for every block
   * @param waveBytes what the blocks of a wave move
   * @return bytes from and to memory
   */
  double run(List<Tensor> tensors, double blockBytes, double waveBytes) {
    double all = bytes(tensors);
    double missing = 0;
    for (Tensor tensor : tensors) {
      missing += tensor.bytes() * (1 - kept(tensor, all));
    }
    int now = launches.size();
    launches.add(tensors);
    tensors.forEach(tensor -> lastUse.put(tensor.number(), now));
    boolean waveFits = Math.min(waveBytes, all) <= capacity;
    return waveFits ? missing : missing + Math.max(0, blockBytes - all);
  }

  /** Which share of a tensor is still there for a launch that is given so many bytes. */
  private double kept(Tensor tensor, double next) {
    Integer last = lastUse.get(tensor.number());
    if (last == null) {
      return 0;
    }
    double before = bytes(launches.get(last));
    double room = capacity - between(last);
    // Kept where (1 - x) before + x next <= room.
    boolean first = before <= room;
    boolean end = next <= room;
    if (first == end) {
      return first ? 1 : 0;
    }
    double meet = (room - before) / (next - before);
    return first ? meet : 1 - meet;
  }

  private double between(int last) {
    Set<Integer> seen = new HashSet<>();
    double bytes = 0;
    for (List<Tensor> launch : launches.subList(last + 1, launches.size())) {
      for (Tensor tensor : launch) {
        bytes += seen.add(tensor.number()) ? tensor.bytes() : 0;
      }
      if (bytes > capacity) {
        return bytes;
      }
    }
    return bytes;
  }

  private static double bytes(List<Tensor> tensors) {
    return tensors.stream().mapToLong(Tensor::bytes).sum();
  }
}
