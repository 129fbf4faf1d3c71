package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.kernels.SquaredNorm;
import io.resfuse.engine.cuda.internal.layout.ParameterSpace;
import io.resfuse.engine.cuda.internal.program.Binding;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.HostBuffer;
import io.resfuse.engine.cuda.internal.program.HostBuffers;
import io.resfuse.engine.cuda.internal.program.Pass;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Timeline;
import java.nio.DoubleBuffer;

/** The norm of all gradients: sums of squares on the device, added in order on the host. */
public final class GradientNorm {
  private static final int PER_BLOCK = 65536;

  private final Emission emission;
  private final ParameterSpace parameters;
  private final int blocks;
  private final Buffer partials;
  private final HostBuffer hostPartials;

  public GradientNorm(Emission emission, ParameterSpace parameters, HostBuffers host) {
    this.emission = emission;
    this.parameters = parameters;
    this.blocks = Math.toIntExact((parameters.trainedElements() + PER_BLOCK - 1) / PER_BLOCK);
    long bytes = (long) Math.max(1, blocks) * Double.BYTES;
    this.partials = emission.region().add(bytes);
    this.hostPartials = host.add(bytes);
  }

  public Bound bind(Binding binding, Stream stream) {
    return new Bound(binding, stream);
  }

  /** The norm with addresses. One owner: not thread-safe. */
  public final class Bound implements AutoCloseable {
    private final Pass pass;
    private final DoubleBuffer results;

    private Bound(Binding binding, Stream stream) {
      Program program = new Program(new Timeline());
      if (blocks > 0) {
        add(program);
        program.copyToHost(partials, hostPartials);
      }
      this.pass = new Pass("computing the norm of the gradients", stream, program.bind(binding));
      this.results = hostPartials.memory().view().asDoubleBuffer();
    }

    public double compute() {
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

  private void add(Program program) {
    program.launch(
        emission.kernel("squaredNorm", SquaredNorm.class),
        "the norm of the gradients",
        Geometry.linear(blocks, 256),
        at ->
            new SquaredNorm(
                at.of(parameters.gradients()),
                at.of(partials),
                parameters.trainedElements(),
                PER_BLOCK));
  }
}
