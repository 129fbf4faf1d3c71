package io.resfuse.engine.onednn;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Value;
import io.resfuse.engine.onednn.Schedule.Segment;
import io.resfuse.engine.spi.ArenaPlanner;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Where the values of an inference plan lie: in the arena for one slice (values that do not leave
 * their segment), in the arena for the whole batch, or directly in a buffer of the caller. The
 * result of a convolution, or of squeeze and excitation, shares the place of its residual if
 * nothing else needs that. Not thread-safe.
 */
final class ValuePlaces {
  private static final long HOST_ALIGNMENT = 4096;

  private final NetworkSpec network;
  private final PlanRequest request;
  private final List<Shape> shapes;
  private final Schedule schedule;
  private final ToIntFunction<Value> types;
  private final ArenaPlanner planner = new ArenaPlanner();
  private final Map<Integer, Place> places = new HashMap<>();
  private final Map<String, Place> outputs = new LinkedHashMap<>();
  private final Set<String> inPlace = new HashSet<>();
  private final Place input;
  private final int[] written;
  private final int[] lastUse;
  private long hostBytes;

  /** The place of one value, or of several that share it. */
  static final class Place {
    private final long imageBytes;
    private final long hostOffset;
    private int first;
    private int last;
    private boolean sliced;
    private ArenaPlanner.@Nullable Block block;

    private Place(long imageBytes, int first, int last, long hostOffset) {
      this.imageBytes = imageBytes;
      this.first = first;
      this.last = last;
      this.hostOffset = hostOffset;
    }

    long imageBytes() {
      return imageBytes;
    }

    long hostOffset() {
      return hostOffset;
    }

    private boolean isHost() {
      return hostOffset >= 0;
    }

    /**
     * The address of an image, given where arena and host buffers begin.
     *
     * @param image the first of a slice
     * @param within which of the slice
     */
    long address(long arena, long host, int image, int within) {
      if (isHost()) {
        return host + hostOffset + (image + within) * imageBytes;
      }
      ArenaPlanner.Block placed = block;
      if (placed == null) {
        throw new IllegalStateException("not planned");
      }
      return arena + placed.offset() + (within + (sliced ? 0 : image)) * imageBytes;
    }
  }

  ValuePlaces(
      NetworkSpec network,
      PlanRequest request,
      List<Shape> shapes,
      Schedule schedule,
      ToIntFunction<Value> types) {
    this.network = network;
    this.request = request;
    this.shapes = shapes;
    this.schedule = schedule;
    this.types = types;
    this.written = new int[network.values().size()];
    this.lastUse = new int[network.values().size()];
    findUses();
    this.input = hostPlace(network.input());
    if (isDirect(network.input())) {
      places.put(network.input().id(), input);
    } else {
      addToArena(network.input());
    }
    for (String name : request.outputs()) {
      Value output = network.output(name);
      Place place = hostPlace(output);
      outputs.put(name, place);
      if (isDirect(output)) {
        places.put(output.id(), place);
      }
    }
    for (Operation operation : network.operations()) {
      if (!places.containsKey(operation.output().id())) {
        placeOutput(operation);
      }
    }
  }

  /** Operation i runs at time i + 1; the input is loaded at 0, outputs are stored at the end. */
  private void findUses() {
    List<Operation> operations = network.operations();
    for (int i = 0; i < operations.size(); i++) {
      written[operations.get(i).output().id()] = i + 1;
      for (Value in : operations.get(i).inputs()) {
        lastUse[in.id()] = i + 1;
      }
    }
    for (String name : request.outputs()) {
      lastUse[network.output(name).id()] = operations.size() + 1;
    }
  }

  private Place hostPlace(Value value) {
    Shape shape = shapes.get(value.id());
    Place place = new Place(shape.elements() / request.batch() * Float.BYTES, 0, 0, hostBytes);
    long bytes = shape.elements() * Float.BYTES;
    hostBytes += (bytes + HOST_ALIGNMENT - 1) / HOST_ALIGNMENT * HOST_ALIGNMENT;
    return place;
  }

  private void placeOutput(Operation operation) {
    Value output = operation.output();
    Value residual = residual(operation);
    if (residual != null) {
      Place shared = places.get(residual.id());
      if (shared != null
          && !shared.isHost()
          && !residual.equals(operation.inputs().get(0))
          && lastUse[residual.id()] == written[output.id()]) {
        shared.last = Math.max(shared.last, lastUse[output.id()]);
        places.put(output.id(), shared);
        inPlace.add(operation.name());
        return;
      }
    }
    addToArena(output);
  }

  private static @Nullable Value residual(Operation operation) {
    return operation instanceof FusedConv conv
        ? conv.residual()
        : operation instanceof SqueezeExcite gating ? gating.residual() : null;
  }

  private void addToArena(Value value) {
    Shape shape = shapes.get(value.id());
    long imageBytes =
        shape.elements() / request.batch() * Dnnl.elementBytes(types.applyAsInt(value));
    int first = written[value.id()];
    places.put(value.id(), new Place(imageBytes, first, Math.max(first, lastUse[value.id()]), -1));
  }

  /**
   * Places everything.
   *
   * @return the size of the arena
   */
  long plan() {
    Set<Place> distinct = new HashSet<>();
    List<Place> inOrder = new ArrayList<>();
    for (Value value : network.values()) {
      Place place = places.get(value.id());
      if (place != null && !place.isHost() && distinct.add(place)) {
        inOrder.add(place);
      }
    }
    for (Place place : inOrder) {
      Segment from = segmentAt(place.first);
      Segment to = segmentAt(place.last);
      place.sliced = from != null && from.equals(to);
      if (from != null && place.sliced) {
        place.block = planner.add(place.imageBytes * from.slice(), place.first, place.last);
      } else {
        int begin = from == null ? place.first : from.first() + 1;
        int end = to == null ? place.last : to.last() + 1;
        place.block =
            planner.add(place.imageBytes * request.batch(), place.first == 0 ? 0 : begin, end);
      }
    }
    return planner.plan();
  }

  private @Nullable Segment segmentAt(int time) {
    for (Segment segment : schedule.segments()) {
      if (time - 1 <= segment.last()) {
        return segment;
      }
    }
    return null;
  }

  /** Whether the caller's buffer of a value can be the value itself. */
  boolean isDirect(Value value) {
    return types.applyAsInt(value) == Dnnl.F32
        && (value.isFlat() || request.layout() == TensorLayout.NHWC);
  }

  boolean isInputDirect() {
    return isDirect(network.input());
  }

  /** Whether a convolution's result lies where its residual was. */
  boolean isInPlace(FusedConv conv) {
    return inPlace.contains(conv.name());
  }

  Place of(@Nullable Value value) {
    Place place = value == null ? null : places.get(value.id());
    if (place == null) {
      throw new IllegalStateException("no place for " + value);
    }
    return place;
  }

  Place inputBuffer() {
    return input;
  }

  Place outputBuffer(String name) {
    Place place = outputs.get(name);
    if (place == null) {
      throw new IllegalArgumentException(
          "the plan has no output '" + name + "'; it has " + request.outputs());
    }
    return place;
  }

  long unshared() {
    return planner.unshared();
  }

  long hostBytes() {
    return hostBytes;
  }
}
