package io.resfuse.engine.cuda;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.cuda.kernels.ElementType;
import java.util.LinkedHashMap;
import java.util.Map;

/** What an inference plan does, and what memory it needs; nothing is allocated. */
final class InferenceProgram {
  private final PlanRequest request;
  private final Shapes shapes;
  private final Region region = new Region(Buffer.Kind.PLAN);
  private final Timeline timeline = new Timeline();
  private final Program program = new Program(timeline);
  private final HostBuffers host = new HostBuffers();
  private final HostBuffer input;
  private final Map<String, HostBuffer> outputs = new LinkedHashMap<>();
  private final PlanMemory memory;

  InferenceProgram(
      Toolkit toolkit,
      ElementType type,
      NetworkSpec network,
      Layouts layouts,
      NetworkWeights weights,
      PlanRequest request) {
    this.request = request;
    this.shapes = Shapes.of(network, request);
    this.input = host.add(shapes.of(network.input()).hostBytes());
    shapes
        .network()
        .outputs()
        .forEach((name, value) -> outputs.put(name, host.add(shapes.of(value).hostBytes())));
    Emission emission = new Emission(toolkit, type, region);
    new ForwardBuilder(emission, shapes, layouts, weights, program)
        .build(request.layout(), input, outputs);
    timeline.plan();
    this.memory =
        new PlanMemory(
            weights.bytes(),
            timeline.activationBytes(),
            timeline.unsharedBytes(),
            timeline.workspaceBytes() + region.bytes(),
            host.bytes());
  }

  PlanRequest request() {
    return request;
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

  /** What the plan keeps. */
  Region region() {
    return region;
  }

  HostBuffers host() {
    return host;
  }

  HostBuffer input() {
    return input;
  }

  Map<String, HostBuffer> outputs() {
    return outputs;
  }

  PlanMemory memory() {
    return memory;
  }
}
