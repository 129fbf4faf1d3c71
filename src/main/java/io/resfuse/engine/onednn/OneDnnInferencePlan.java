package io.resfuse.engine.onednn;

import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.onednn.NativeLibrary.Threads;
import io.resfuse.tensor.Shape;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_stream;

/** A bound {@link InferenceProgram}. One owner: not thread-safe. */
final class OneDnnInferencePlan implements InferencePlan, OperationTimer {
  private final NetworkSpec network;
  private final PlanRequest request;
  private final Threads threads;
  private final PlanMemory memory;
  private final Runnable onClose;
  private final Scope scope = new Scope();
  private final NativeMemory arena;
  private final NativeMemory host;
  private final dnnl_stream stream;
  private final Command[] commands;
  private final FloatBuffer input;
  private final Map<String, FloatBuffer> outputs = new HashMap<>();
  private final Map<String, Shape> shapes = new HashMap<>();
  private final FloatBuffer[] outputArray;
  private boolean closed;

  /**
   * Allocates.
   *
   * @param program what to run
   * @param request what it was made for
   * @param threads for its primitives
   * @param onClose called once, when this is closed; not if this constructor throws
   */
  OneDnnInferencePlan(
      InferenceProgram program, PlanRequest request, Threads threads, Runnable onClose) {
    this.network = program.network();
    this.request = request;
    this.threads = threads;
    this.memory = program.memory();
    this.onClose = onClose;
    NativeMemory values = null;
    NativeMemory buffers = null;
    boolean done = false;
    try {
      values =
          new NativeMemory(
              memory.activations() + memory.workspace(),
              "a plan for " + request.batch() + " images");
      buffers = new NativeMemory(memory.host(), "host buffers for " + request.batch() + " images");
      this.arena = values;
      this.host = buffers;
      this.stream = Dnnl.stream(scope);
      this.commands =
          program
              .commands(
                  scope, arena.address(), host.address(), arena.address() + memory.activations())
              .toArray(Command[]::new);
      ValuePlaces places = program.places();
      this.input = view(places.inputBuffer());
      for (String name : request.outputs()) {
        outputs.put(name, view(places.outputBuffer(name)));
        shapes.put(name, program.shape(name));
      }
      this.outputArray = outputs.values().toArray(FloatBuffer[]::new);
      done = true;
    } finally {
      if (!done) {
        scope.close();
        closeIfPresent(values);
        closeIfPresent(buffers);
      }
    }
  }

  private static void closeIfPresent(@org.jspecify.annotations.Nullable NativeMemory memory) {
    if (memory != null) {
      memory.close();
    }
  }

  private FloatBuffer view(ValuePlaces.Place place) {
    return host.floats(place.hostOffset(), place.imageBytes() / Float.BYTES * request.batch());
  }

  @Override
  public PlanRequest request() {
    return request;
  }

  @Override
  public FloatBuffer input() {
    checkOpen();
    return input;
  }

  @Override
  public void run() {
    checkOpen();
    threads.use();
    for (Command command : commands) {
      command.run(stream);
    }
    int length = input.capacity() / request.batch();
    for (int n = 0; n < request.batch(); n++) {
      if (NonFinite.isIn(input, n * length, (n + 1) * length)) {
        for (FloatBuffer output : outputArray) {
          int size = output.capacity() / request.batch();
          NonFinite.fill(output, n * size, (n + 1) * size);
        }
      }
    }
  }

  @Override
  public double seconds(String operation, Runnable coolCaches) {
    checkOpen();
    threads.use();
    return Command.seconds(network, operation, List.of(commands), stream, coolCaches);
  }

  @Override
  public List<String> implementations(String operation) {
    checkOpen();
    return Command.implementations(network, operation, List.of(commands));
  }

  @Override
  public FloatBuffer output(String name) {
    checkOpen();
    FloatBuffer output = outputs.get(name);
    if (output == null) {
      throw new IllegalArgumentException(
          "the plan has no output '" + name + "'; it has " + request.outputs());
    }
    return output;
  }

  @Override
  public Shape outputShape(String name) {
    Shape shape = shapes.get(name);
    if (shape == null) {
      throw new IllegalArgumentException(
          "the plan has no output '" + name + "'; it has " + request.outputs());
    }
    return shape;
  }

  @Override
  public PlanMemory memory() {
    return memory;
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("the plan is closed");
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      scope.close();
      arena.close();
      host.close();
      onClose.run();
    }
  }
}
