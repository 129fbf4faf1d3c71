package io.resfuse.engine.cuda;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.cuda.internal.backend.Backend;
import io.resfuse.engine.cuda.internal.backend.KernelBackend;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.emit.Toolkit;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.layout.Layouts;
import io.resfuse.engine.cuda.internal.program.Binding;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.PlanMemories;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Resources;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The launches of a plan one by one, with memory to work on but without numbers that mean anything:
 * for those who look at kernels, not for those who run a network. Not thread-safe.
 */
final class PlanLaunches implements AutoCloseable {
  private final Resources resources = new Resources();
  private final Map<String, List<Program.Step>> passes = new LinkedHashMap<>();
  private final Stream stream;
  private final Backend backend = new KernelBackend();

  private PlanLaunches(Context context) {
    this.stream = new Stream(context);
    resources.own(stream, stream::close);
  }

  /**
   * Makes the launches of one pass over a batch.
   *
   * @param toolkit of the context's device
   * @param context where
   * @param options batch, sizes and precision; for inference only these count
   * @param training whether those of a training plan
   * @throws io.resfuse.engine.EngineException if memory is short
   */
  static PlanLaunches bind(
      Toolkit toolkit,
      Context context,
      NetworkSpec network,
      TrainingOptions options,
      boolean training) {
    PlanLaunches launches = new PlanLaunches(context);
    boolean done = false;
    try {
      if (training) {
        launches.bindTraining(toolkit, context, network, options);
      } else {
        launches.bindInference(toolkit, context, network, options);
      }
      done = true;
      return launches;
    } finally {
      if (!done) {
        launches.close();
      }
    }
  }

  private void bindTraining(
      Toolkit toolkit, Context context, NetworkSpec network, TrainingOptions options) {
    TrainingProgram program = new TrainingProgram(toolkit, network, options, backend);
    Map<Buffer.Kind, DeviceMemory> memories =
        PlanMemories.allocate(
            context,
            resources,
            "looking at " + network.name() + " needs " + program.memory(),
            program.activationBytes(),
            program.workspaceBytes(),
            program.keptBytes());
    Binding binding = new Binding(memories, false);
    passes.put("forward", program.forward().bind(binding));
    passes.put("backward", program.backward().bind(binding));
  }

  private void bindInference(
      Toolkit toolkit, Context context, NetworkSpec network, TrainingOptions options) {
    ElementType type = ElementType.of(options.precision());
    Layouts layouts = backend.layouts(network, type, true);
    NetworkWeights weights = new NetworkWeights(network, layouts, type, backend.foldsScales());
    InferenceProgram program =
        new InferenceProgram(toolkit, type, network, layouts, weights, backend, options.request());
    Map<Buffer.Kind, DeviceMemory> memories =
        new EnumMap<>(
            PlanMemories.allocate(
                context,
                resources,
                "looking at " + network.name() + " needs " + program.memory(),
                program.timeline().activationBytes(),
                program.timeline().workspaceBytes(),
                program.region().bytes()));
    DeviceMemory packed = weights.load(context, Parameters.zeros(network));
    memories.put(Buffer.Kind.NETWORK, resources.own(packed, packed::close));
    passes.put("forward", program.program().bind(new Binding(memories, false)));
  }

  /** Where they run. */
  Stream stream() {
    return stream;
  }

  /** Their steps in their order, by {@code forward} and {@code backward}. */
  Map<String, List<Program.Step>> passes() {
    return passes;
  }

  @Override
  public void close() {
    resources.close();
  }
}
