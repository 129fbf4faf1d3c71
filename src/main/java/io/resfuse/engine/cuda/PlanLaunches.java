package io.resfuse.engine.cuda;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.QuantizedWeights;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.cuda.internal.backend.Backend;
import io.resfuse.engine.cuda.internal.backend.KernelBackend;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.emit.Toolkit;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.program.Binding;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.PlanMemories;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Resources;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

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
    Quantization integers = type == ElementType.U8 ? zeros(network) : null;
    PackedNetwork packed = new PackedNetwork(network, type, backend, integers);
    InferenceProgram program = packed.program(toolkit, options.request());
    Map<Buffer.Kind, DeviceMemory> memories =
        new EnumMap<>(
            PlanMemories.allocate(
                context,
                resources,
                "looking at " + network.name() + " needs " + program.memory(),
                program.timeline().activationBytes(),
                program.timeline().workspaceBytes(),
                program.region().bytes()));
    DeviceMemory weights = packed.load(context, Parameters.zeros(network));
    memories.put(Buffer.Kind.NETWORK, resources.own(weights, weights::close));
    passes.put("forward", program.program().bind(new Binding(memories, false)));
  }

  /** Integers of zero for all convolutions, with the zero points that values usually have. */
  private static Quantization zeros(NetworkSpec network) {
    Map<String, QuantizedWeights> weights = new LinkedHashMap<>();
    Set<String> rectified = new HashSet<>();
    for (Operation operation : network.operations()) {
      if (operation instanceof FusedConv conv) {
        float[] scales = new float[conv.output().channels()];
        Arrays.fill(scales, 1);
        byte[] zeros = new byte[Math.toIntExact(conv.weight().shape().elements())];
        weights.put(conv.name(), new QuantizedWeights(zeros, scales, new float[scales.length]));
        if (conv.relu()) {
          rectified.add(conv.output().name());
        }
      } else if (operation instanceof SqueezeExcite gating && gating.relu()) {
        rectified.add(gating.output().name());
      }
    }
    Map<String, Encoding> encodings = new LinkedHashMap<>();
    for (String value : QuantizedNetwork.encodedValues(network, weights.keySet())) {
      encodings.put(value, new Encoding(1, rectified.contains(value) ? 0 : Encoding.MIDDLE));
    }
    return new Quantization(weights, encodings);
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
