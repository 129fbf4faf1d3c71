package io.resfuse.engine.onednn;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Value;
import io.resfuse.tensor.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * In which order an inference plan runs: runs of operations (segments), each for a few images at a
 * time (a slice), so that activations stay in the cache from one operation to the next. Early
 * operations have large activations and small weights and want slices of one image; late ones have
 * large weights, which a slice must be worth loading.
 *
 * @param segments in order; together they are all operations
 */
record Schedule(List<Segment> segments) {
  /**
   * How many bytes of activations should pass for each byte of weights. Measured on ResNet-50: 1 to
   * 4 make no difference.
   */
  private static final double ACTIVATIONS_PER_WEIGHT = 2;

  /**
   * Operations that run slice by slice.
   *
   * @param first index of the first operation
   * @param last index of the last operation, inclusive
   * @param slice images per slice
   */
  record Segment(int first, int last, int slice) {}

  /**
   * Cuts a network where just one value is alive, and puts neighbours of the same slice together.
   *
   * @param network what will run
   * @param shapes of its values at the full batch
   * @param batch images
   * @param threads a slice has at least a quarter as many images
   */
  static Schedule of(NetworkSpec network, List<Shape> shapes, int batch, int threads) {
    List<Operation> operations = network.operations();
    int[] lastUse = new int[network.values().size()];
    for (int i = 0; i < operations.size(); i++) {
      for (Value input : operations.get(i).inputs()) {
        lastUse[input.id()] = i;
      }
    }
    List<Segment> segments = new ArrayList<>();
    int first = 0;
    long weights = 0;
    long activations = 0;
    for (int i = 0; i < operations.size(); i++) {
      Operation operation = operations.get(i);
      for (ParameterSpec parameter : operation.parameters()) {
        weights += parameter.shape().elements();
      }
      activations += shapes.get(operation.output().id()).elements() / batch;
      for (Value input : operation.inputs()) {
        activations += shapes.get(input.id()).elements() / batch;
      }
      if (liveAfter(i, network, lastUse) <= 1) {
        int slice = slice(weights, activations, batch, threads);
        addOrExtend(segments, new Segment(first, i, slice));
        first = i + 1;
        weights = 0;
        activations = 0;
      }
    }
    if (first < operations.size()) {
      addOrExtend(segments, new Segment(first, operations.size() - 1, batch));
    }
    return new Schedule(List.copyOf(segments));
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

  private static int slice(long weights, long activations, int batch, int threads) {
    double wanted =
        Math.max(ACTIVATIONS_PER_WEIGHT * weights / Math.max(1, activations), threads / 4.0);
    int slice = 1;
    while (slice < wanted && slice < batch) {
      slice *= 2;
    }
    return Math.min(slice, batch);
  }

  private static void addOrExtend(List<Segment> segments, Segment next) {
    int end = segments.size() - 1;
    if (end >= 0 && segments.get(end).slice == next.slice) {
      segments.set(end, new Segment(segments.get(end).first, next.last, next.slice));
    } else {
      segments.add(next);
    }
  }
}
