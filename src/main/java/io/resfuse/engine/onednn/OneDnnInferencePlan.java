package io.resfuse.engine.onednn;

import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.onednn.NativeLibrary.Threads;
import io.resfuse.engine.spi.AbstractInferencePlan;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bytedeco.dnnl.dnnl_stream;

/** A bound {@link InferenceProgram}. One owner: not thread-safe. */
final class OneDnnInferencePlan extends AbstractInferencePlan {
  private final PlanRequest request;
  private final Threads threads;
  private final PlanMemory memory;
  private final Runnable onClose;
  private final Scope scope = new Scope();
  private final NativeMemory arena;
  private final NativeMemory host;
  private final dnnl_stream stream;

  /** Tests change some. */
  final Command[] commands;

  private final FloatBuffer input;
  private final Map<String, FloatBuffer> outputs = new HashMap<>();
  private final FloatBuffer[] outputArray;

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
    super(program.network(), request);
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
  protected FloatBuffer inputBuffer() {
    return input;
  }

  @Override
  protected void runForward() {
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
  protected double time(String operation, Runnable coolCaches) {
    threads.use();
    return Command.seconds(network(), operation, List.of(commands), stream, coolCaches);
  }

  @Override
  protected List<String> kernels(String operation) {
    return Command.implementations(network(), operation, List.of(commands));
  }

  @Override
  protected FloatBuffer outputBuffer(String name) {
    return outputs.get(name);
  }

  @Override
  public PlanMemory memory() {
    return memory;
  }

  @Override
  protected void release() {
    try {
      scope.close();
      arena.close();
      host.close();
    } finally {
      onClose.run();
    }
  }
}
