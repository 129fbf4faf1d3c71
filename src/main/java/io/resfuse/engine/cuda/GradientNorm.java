package io.resfuse.engine.cuda;

import io.resfuse.engine.cuda.driver.DeviceMemory;
import io.resfuse.engine.cuda.driver.Geometry;
import io.resfuse.engine.cuda.driver.Launch;
import io.resfuse.engine.cuda.driver.Stream;
import io.resfuse.engine.cuda.kernels.SquaredNorm;
import java.nio.DoubleBuffer;

/** The norm of all gradients: sums of squares on the device, added in order on the host. */
final class GradientNorm {
  private static final int PER_BLOCK = 65536;

  private final Emission emission;
  private final ParameterSpace parameters;
  private final int blocks;
  private final Buffer partials;
  private final HostBuffer hostPartials;

  GradientNorm(Emission emission, ParameterSpace parameters, HostBuffers host) {
    this.emission = emission;
    this.parameters = parameters;
    this.blocks = Math.toIntExact((parameters.trainedElements() + PER_BLOCK - 1) / PER_BLOCK);
    long bytes = (long) Math.max(1, blocks) * Double.BYTES;
    this.partials = emission.region().add(bytes);
    this.hostPartials = host.add(bytes);
  }

  Bound bind(Binding binding, Stream stream) {
    return new Bound(binding, stream);
  }

  /** The norm with addresses. One owner: not thread-safe. */
  final class Bound {
    private final Stream stream;
    private final DeviceMemory memory;
    private final Launch launch;
    private final DoubleBuffer results;

    private Bound(Binding binding, Stream stream) {
      this.stream = stream;
      this.memory = binding.memory(partials);
      this.launch =
          emission
              .kernels()
              .get("squaredNorm", SquaredNorm.class)
              .launch(
                  "the norm of the gradients",
                  new SquaredNorm(
                      binding.at(parameters.gradients()),
                      binding.at(partials),
                      parameters.trainedElements(),
                      PER_BLOCK),
                  Geometry.linear(Math.max(1, blocks), 256));
      this.results = hostPartials.memory().view().asDoubleBuffer();
    }

    double compute() {
      if (blocks == 0) {
        return 0;
      }
      stream.launch(launch);
      stream.copyToHost(memory, partials.offset(), hostPartials.memory());
      stream.synchronize("computing the norm of the gradients");
      double sum = 0;
      for (int i = 0; i < blocks; i++) {
        sum += results.get(i);
      }
      return Math.sqrt(sum);
    }
  }
}
