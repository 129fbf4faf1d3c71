package io.resfuse.engine.cuda;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.cuda.internal.backend.Backend;
import io.resfuse.engine.cuda.internal.backend.InferenceConvolutions;
import io.resfuse.engine.cuda.internal.emit.DeviceBuffers;
import io.resfuse.engine.cuda.internal.emit.Emission;
import io.resfuse.engine.cuda.internal.emit.HostTransfers;
import io.resfuse.engine.cuda.internal.emit.ImageInput;
import io.resfuse.engine.cuda.internal.emit.Toolkit;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.layout.Layouts;
import io.resfuse.engine.cuda.internal.layout.Shapes;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Guards;
import io.resfuse.engine.cuda.internal.program.HostBuffer;
import io.resfuse.engine.cuda.internal.program.HostBuffers;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Region;
import io.resfuse.engine.cuda.internal.program.Timeline;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What an inference plan does, and what memory it needs; nothing is allocated. */
final class InferenceProgram implements AutoCloseable {
  private final PlanRequest request;
  private final Shapes shapes;
  private final Region region;
  private final Timeline timeline;
  private final Program program;
  private final HostBuffers host = new HostBuffers();
  private final DeviceBuffers onDevice;
  private final ImageInput input;
  private final Map<String, HostBuffer> outputs = new LinkedHashMap<>();
  private final PlanMemory memory;
  private final boolean warmsUp;
  private final InferenceConvolutions convolutions;
  private final @Nullable Guards guards;

  InferenceProgram(
      Toolkit toolkit,
      ElementType type,
      NetworkSpec network,
      Layouts layouts,
      NetworkWeights weights,
      Backend backend,
      PlanRequest request) {
    this(toolkit, type, Shapes.of(network, request), layouts, weights, backend, request, null);
  }

  /** In int8; what is not computed with integers is float32. */
  InferenceProgram(
      Toolkit toolkit,
      QuantizedNetwork integers,
      Layouts layouts,
      NetworkWeights weights,
      Backend backend,
      PlanRequest request) {
    this(
        toolkit,
        ElementType.F32,
        Shapes.ofIntegers(integers.network(), request),
        layouts,
        weights,
        backend,
        request,
        integers);
  }

  private InferenceProgram(
      Toolkit toolkit,
      ElementType type,
      Shapes shapes,
      Layouts layouts,
      NetworkWeights weights,
      Backend backend,
      PlanRequest request,
      @Nullable QuantizedNetwork integers) {
    this.request = request;
    this.region = new Region(Buffer.Kind.PLAN, toolkit.guarded());
    this.timeline = new Timeline(toolkit.guarded());
    this.program = new Program(timeline);
    this.onDevice = new DeviceBuffers(region);
    this.warmsUp = backend.warmsUp();
    this.shapes = shapes;
    Activation images = shapes.of(shapes.network().input());
    this.input = new ImageInput(host, images, request.layout(), request.scaling());
    shapes
        .network()
        .outputs()
        .forEach((name, value) -> outputs.put(name, host.add(shapes.of(value).hostBytes())));
    Emission emission = new Emission(toolkit, type, region);
    this.convolutions = backend.inference(emission);
    boolean done = false;
    try {
      new ForwardBuilder(
              emission,
              shapes,
              layouts,
              weights,
              convolutions,
              program,
              integers,
              weights.integers())
          .build(
              new HostTransfers(
                  emission,
                  request.layout(),
                  request.onDevice() ? onDevice : null,
                  integers != null),
              input,
              outputs);
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
    timeline.plan();
    this.guards = toolkit.guarded() ? new Guards(region, timeline) : null;
    this.memory =
        new PlanMemory(
            weights.bytes(),
            timeline.activationBytes(),
            timeline.unsharedBytes(),
            timeline.workspaceBytes() + region.bytes(),
            request.onDevice() ? 0 : host.bytes());
  }

  PlanRequest request() {
    return request;
  }

  /** Whether it must run once before it can be recorded. */
  boolean warmsUp() {
    return warmsUp;
  }

  Shapes shapes() {
    return shapes;
  }

  Program program() {
    return program;
  }

  Timeline timeline() {
    return timeline;
  }

  /** What lies between buffers; null if nothing does. */
  @Nullable Guards guards() {
    return guards;
  }

  /** What the plan keeps. */
  Region region() {
    return region;
  }

  /** What is on the device in the place of the host's buffers, if the request wants that. */
  DeviceBuffers onDevice() {
    return onDevice;
  }

  HostBuffers host() {
    return host;
  }

  ImageInput input() {
    return input;
  }

  Map<String, HostBuffer> outputs() {
    return outputs;
  }

  PlanMemory memory() {
    return memory;
  }

  /** Frees what a backend holds for its convolutions. Idempotent. */
  @Override
  public void close() {
    convolutions.close();
  }
}
