package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.Optimizer;
import io.resfuse.engine.Optimizer.Adam;
import io.resfuse.engine.Optimizer.Group;
import io.resfuse.engine.Optimizer.Sgd;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.driver.Launch;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.driver.StructLayout;
import io.resfuse.engine.cuda.internal.kernels.OptimizerChunk;
import io.resfuse.engine.cuda.internal.kernels.OptimizerStep;
import io.resfuse.engine.cuda.internal.layout.ParameterSpace;
import io.resfuse.engine.cuda.internal.program.Binding;
import io.resfuse.engine.cuda.internal.program.Buffer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** The optimizer over all parameters in one launch, a block per chunk of a parameter. */
public final class OptimizerProgram {
  private static final int CHUNK = 4096;

  private final Emission emission;
  private final ParameterSpace parameters;
  private final Optimizer optimizer;
  private final List<OptimizerChunk> chunks = new ArrayList<>();
  private final Buffer table;

  public OptimizerProgram(Emission emission, ParameterSpace parameters, Optimizer optimizer) {
    this.emission = emission;
    this.parameters = parameters;
    this.optimizer = optimizer;
    for (ParameterSpace.Entry entry : parameters.trained()) {
      Group group = optimizer.group(entry.spec().name());
      for (long done = 0; done < entry.elements(); done += CHUNK) {
        chunks.add(
            new OptimizerChunk(
                entry.offset() + done,
                (int) Math.min(CHUNK, entry.elements() - done),
                (float) group.learningRateScale(),
                (float) group.weightDecay()));
      }
    }
    long bytes = (long) chunkBytes() * Math.max(1, chunks.size());
    this.table = emission.region().add(bytes);
  }

  private static int chunkBytes() {
    return StructLayout.of(OptimizerChunk.class).size();
  }

  public Bound bind(Binding binding, Stream stream) {
    return new Bound(binding, stream);
  }

  /** The optimizer with addresses. A step allocates nothing. Not thread-safe. */
  public final class Bound {
    private final Binding binding;
    private final Stream stream;
    private final Launch launch;
    private final int rateOffset;
    private final int gradientScaleOffset;
    private final int firstStepOffset;
    private final int correction1Offset;
    private final int correction2Offset;

    private Bound(Binding binding, Stream stream) {
      this.binding = binding;
      this.stream = stream;
      writeTable(binding.memory(table));
      String kernel = optimizer instanceof Sgd ? "sgd" : "adam";
      this.launch =
          emission
              .kernels()
              .get(kernel, emission.type(), OptimizerStep.class)
              .launch(
                  "the optimizer", parameters(), Geometry.linear(Math.max(1, chunks.size()), 256));
      this.rateOffset = launch.offset("rate");
      this.gradientScaleOffset = launch.offset("gradientScale");
      this.firstStepOffset = launch.offset("firstStep");
      this.correction1Offset = launch.offset("correction1");
      this.correction2Offset = launch.offset("correction2");
    }

    private void writeTable(DeviceMemory memory) {
      int size = chunkBytes();
      ByteBuffer bytes =
          ByteBuffer.allocateDirect(size * chunks.size()).order(ByteOrder.LITTLE_ENDIAN);
      StructLayout layout = StructLayout.of(OptimizerChunk.class);
      for (int i = 0; i < chunks.size(); i++) {
        ByteBuffer struct = bytes.slice(i * size, size).order(ByteOrder.LITTLE_ENDIAN);
        layout.write(chunks.get(i), struct);
      }
      memory.write(table.offset(), bytes);
    }

    private OptimizerStep parameters() {
      Sgd sgd = optimizer instanceof Sgd plain ? plain : null;
      Adam adam = optimizer instanceof Adam adaptive ? adaptive : null;
      double beta1 = adam == null ? 0 : adam.beta1();
      double beta2 = adam == null ? 0 : adam.beta2();
      List<Buffer> states = parameters.states();
      return new OptimizerStep(
          binding.of(table),
          binding.of(parameters.masters()),
          binding.of(parameters.gradients()),
          states.isEmpty() ? 0 : binding.of(states.get(0)),
          states.size() < 2 ? 0 : binding.of(states.get(1)),
          parameters.hasStoredCopy() ? binding.of(parameters.stored()) : 0,
          0,
          0,
          (float) (sgd == null ? beta1 : sgd.momentum()),
          (float) (1 - beta1),
          (float) beta2,
          (float) (1 - beta2),
          (float) (adam == null ? 0 : adam.epsilon()),
          0,
          0,
          sgd != null && sgd.nesterov() ? 1 : 0,
          0,
          adam != null && adam.decoupled() ? 1 : 0);
    }

    /** Starts one step; the first of an optimizer's life has number 1. */
    public void step(int number, double rate, double gradientScale) {
      if (chunks.isEmpty()) {
        return;
      }
      launch.set(rateOffset, (float) rate);
      launch.set(gradientScaleOffset, (float) gradientScale);
      launch.set(firstStepOffset, number == 1 ? 1 : 0);
      if (optimizer instanceof Adam adam) {
        launch.set(correction1Offset, (float) (1 - Math.pow(adam.beta1(), number)));
        launch.set(correction2Offset, (float) (1 - Math.pow(adam.beta2(), number)));
      }
      stream.launch(launch);
    }
  }
}
