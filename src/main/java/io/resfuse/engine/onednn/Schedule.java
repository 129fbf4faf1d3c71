package io.resfuse.engine.onednn;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Value;
import io.resfuse.platform.CpuCaches;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * In which order an inference plan runs: runs of operations (segments), each for a few images at a
 * time (a slice), so that activations stay in the cache from one operation to the next. Early
 * operations have large activations and small weights and want few images; late ones have large
 * weights, which a slice must be worth loading.
 *
 * <p>For how many images a primitive of oneDNN's is (a part of a slice) decides bits, since oneDNN
 * chooses implementations and blocks by it: parts follow from the sizes of the network alone. How
 * many parts an operation runs for before the next one begins decides none: a slice has as many as
 * the caches of the processor have room for.
 *
 * @param segments in order; together they are all operations
 */
record Schedule(List<Segment> segments) {
  /**
   * How many bytes of activations a part reads and writes at least for each byte of weights. No
   * property of a machine decides it. Take any level of caches, or the memory. If it has the
   * weights, but a part's activations stay in a nearer one, then of weights it gives at most half
   * the bytes that it would move of activations if each operation ran for the whole batch: parts
   * win. If it has both, weights are a third of what it moves at most: parts lose no more than
   * that. Sizes and rates of caches are in neither bound.
   */
  private static final double ACTIVATIONS_PER_WEIGHT = 2;

  /**
   * What an operation reads and writes for a slice takes such a part of the threads' last caches.
   * The rest is for weights, for a shortcut that waits, and for other processes.
   */
  private static final int PART_OF_CACHE = 4;

  /**
   * Operations that run slice by slice.
   *
   * @param first index of the first operation
   * @param last index of the last operation, inclusive
   * @param slice images per slice; the last one has the rest of the batch
   * @param part images that a primitive of oneDNN's is for; the last one of a slice has the rest
   */
  record Segment(int first, int last, int slice, int part) {}

  /**
   * What runs between two cuts, of one image.
   *
   * @param first index of the first operation
   * @param last index of the last operation, inclusive
   * @param part images
   * @param elements that the operation with the largest tensors reads and writes
   */
  private record Run(int first, int last, int part, long elements) {
    Run with(Run next) {
      return new Run(first, next.last, part, Math.max(elements, next.elements));
    }
  }

  /**
   * Cuts a network where just one value is alive, and puts neighbours with the same parts together.
   *
   * @param network what will run
   * @param shapes of its values at the full batch
   * @param batch images
   * @param elementBytes the size of an element of an activation
   * @param least images of a part, which makes it a power of two, if there are so many
   * @param fast has the threads and their caches; and whether parts are of one image, for the batch
   *     has no say
   */
  static Schedule of(
      NetworkSpec network,
      List<Shape> shapes,
      int batch,
      int elementBytes,
      int least,
      FastConvolutions fast) {
    long room = roomFor(fast.caches(), fast.threads()) / elementBytes;
    List<Segment> segments = new ArrayList<>();
    for (Run run : runs(network, shapes, batch, least)) {
      int slice = run.part;
      while (slice < batch && 2L * slice * run.elements <= room) {
        slice = Math.min(2 * slice, batch);
      }
      segments.add(new Segment(run.first, run.last, slice, fast.batchInvariant() ? 1 : run.part));
    }
    return new Schedule(List.copyOf(segments));
  }

  /** How many bytes an operation may read and write for a slice. */
  private static long roomFor(CpuCaches caches, int threads) {
    long last = Math.max(caches.second(), caches.third());
    return last * threads / PART_OF_CACHE;
  }

  private static List<Run> runs(NetworkSpec network, List<Shape> shapes, int batch, int least) {
    List<Operation> operations = network.operations();
    int[] lastUse = new int[network.values().size()];
    for (int i = 0; i < operations.size(); i++) {
      for (Value input : operations.get(i).inputs()) {
        lastUse[input.id()] = i;
      }
    }
    List<Run> runs = new ArrayList<>();
    int first = 0;
    long weights = 0;
    long activations = 0;
    long most = 0;
    for (int i = 0; i < operations.size(); i++) {
      Operation operation = operations.get(i);
      for (ParameterSpec parameter : operation.parameters()) {
        weights += parameter.shape().elements();
      }
      long elements = elements(operation, shapes) / batch;
      activations += elements;
      most = Math.max(most, elements);
      if (liveAfter(i, network, lastUse) <= 1) {
        addOrExtend(runs, new Run(first, i, part(weights, activations, batch, least), most));
        first = i + 1;
        weights = 0;
        activations = 0;
        most = 0;
      }
    }
    if (first < operations.size()) {
      addOrExtend(runs, new Run(first, operations.size() - 1, batch, most));
    }
    return runs;
  }

  private static long elements(Operation operation, List<Shape> shapes) {
    long elements = shapes.get(operation.output().id()).elements();
    for (Value input : operation.inputs()) {
      elements += shapes.get(input.id()).elements();
    }
    return elements;
  }

  private static int liveAfter(int i, NetworkSpec network, int[] lastUse) {
    int live = lastUse[network.input().id()] > i ? 1 : 0;
    for (int j = 0; j <= i; j++) {
      if (lastUse[network.operations().get(j).output().id()] > i) {
        live++;
      }
    }
    return live;
  }

  private static int part(long weights, long activations, int batch, int least) {
    double wanted = Math.max(ACTIVATIONS_PER_WEIGHT * weights / Math.max(1, activations), least);
    int part = 1;
    while (part < wanted && part < batch) {
      part *= 2;
    }
    return Math.min(part, batch);
  }

  private static void addOrExtend(List<Run> runs, Run next) {
    int end = runs.size() - 1;
    if (end >= 0 && runs.get(end).part == next.part) {
      runs.set(end, runs.get(end).with(next));
    } else {
      runs.add(next);
    }
  }
}
