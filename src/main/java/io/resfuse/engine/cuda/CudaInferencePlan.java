package io.resfuse.engine.cuda;

import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.emit.ImageInput;
import io.resfuse.engine.cuda.internal.program.Binding;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.HostBuffers;
import io.resfuse.engine.cuda.internal.program.Pass;
import io.resfuse.engine.cuda.internal.program.PlanMemories;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Resources;
import io.resfuse.engine.spi.AbstractInferencePlan;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** A bound {@link InferenceProgram}, captured in one graph. One owner: not thread-safe. */
final class CudaInferencePlan extends AbstractInferencePlan {
  private final InferenceProgram program;
  private final Runnable onClose;
  private final Resources resources = new Resources();
  private final Pass pass;
  private final OperationStopwatch stopwatch;
  private final Context context;
  private final Binding binding;
  private final ImageInput images;
  private final Map<String, FloatBuffer> outputs = new HashMap<>();

  /**
   * Allocates and captures.
   *
   * @param context where
   * @param program what to run
   * @param weights of the network
   * @param onClose called once, when this is closed; not if this constructor throws
   */
  CudaInferencePlan(
      Context context, InferenceProgram program, DeviceMemory weights, Runnable onClose) {
    super(program.shapes().network(), program.request());
    this.context = context;
    this.program = program;
    this.onClose = onClose;
    resources.own(program, program::close);
    boolean done = false;
    try {
      PlanRequest request = program.request();
      PlanMemory needed = program.memory();
      String name = program.shapes().network().name();
      String purpose =
          String.format(
              "a plan of %s for %d images of %dx%d needs %s",
              name, request.batch(), request.height(), request.width(), needed);
      Stream stream = new Stream(context);
      resources.own(stream, stream::close);
      Map<Buffer.Kind, DeviceMemory> memories =
          PlanMemories.allocate(
              context,
              resources,
              purpose,
              program.timeline().activationBytes(),
              program.timeline().workspaceBytes(),
              program.region().bytes());
      if (program.guards() != null) {
        program.guards().fill(memories);
      }
      memories.put(Buffer.Kind.NETWORK, weights);
      HostBuffers host = program.host();
      resources.own(host, host::close);
      Binding binding = new Binding(memories, false);
      this.binding = binding;
      if (!request.onDevice()) {
        host.allocate(context, purpose);
      }
      List<Program.Step> steps = program.program().bind(binding);
      if (program.warmsUp()) {
        Pass.warmUp("running " + name + " for the first time", stream, steps);
      }
      this.pass = new Pass("running " + name, stream, steps);
      resources.own(pass, pass::close);
      this.stopwatch = new OperationStopwatch(context, stream, program.shapes().network(), steps);
      resources.own(stopwatch, stopwatch::close);
      this.images = program.input();
      if (!request.onDevice()) {
        images.open();
        program
            .outputs()
            .forEach((output, buffer) -> outputs.put(output, HostBuffers.floats(buffer)));
      }
      done = true;
    } finally {
      if (!done) {
        resources.close();
      }
    }
  }

  @Override
  protected FloatBuffer inputBuffer() {
    return images.floats();
  }

  @Override
  protected ByteBuffer pixelBuffer() {
    return images.pixels();
  }

  @Override
  protected long inputAddress() {
    return binding.of(program.onDevice().of(images.buffer()));
  }

  @Override
  protected long outputAddress(String name) {
    return binding.of(program.onDevice().of(program.outputs().get(name)));
  }

  @Override
  protected void runForward() {
    pass.run();
  }

  @Override
  protected double time(String operation, Runnable coolCaches) {
    return stopwatch.seconds(operation);
  }

  @Override
  protected FloatBuffer outputBuffer(String name) {
    return outputs.get(name);
  }

  @Override
  public PlanMemory memory() {
    return program.memory();
  }

  @Override
  protected void release() {
    try (resources) {
      if (program.guards() != null && !context.isBroken()) {
        program.guards().check("running " + network().name(), binding.memories());
      }
    } finally {
      onClose.run();
    }
  }
}
