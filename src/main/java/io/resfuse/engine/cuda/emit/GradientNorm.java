package io.resfuse.engine.cuda;

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
  final class Bound implements AutoCloseable {
    private final Pass pass;
    private final DoubleBuffer results;

    private Bound(Binding binding, Stream stream) {
      Program program = new Program(new Timeline());
      if (blocks > 0) {
        program.launch(GradientNorm.this::launch, parameters.gradients(), partials);
        program.copyToHost(partials, hostPartials);
      }
      this.pass = new Pass("computing the norm of the gradients", stream, program.bind(binding));
      this.results = hostPartials.memory().view().asDoubleBuffer();
    }

    double compute() {
      pass.run();
      double sum = 0;
      for (int i = 0; i < blocks; i++) {
        sum += results.get(i);
      }
      return Math.sqrt(sum);
    }

    @Override
    public void close() {
      pass.close();
    }
  }

  private Launch launch(Binding binding) {
    return emission
        .kernels()
        .get("squaredNorm", SquaredNorm.class)
        .launch(
            "the norm of the gradients",
            new SquaredNorm(
                binding.at(parameters.gradients()),
                binding.at(partials),
                parameters.trainedElements(),
                PER_BLOCK),
            Geometry.linear(blocks, 256));
  }
}
