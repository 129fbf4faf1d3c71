package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.driver.Launch;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.kernels.SoftmaxCrossEntropy;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.program.Binding;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.HostBuffer;
import io.resfuse.engine.cuda.internal.program.HostBuffers;
import io.resfuse.engine.cuda.internal.program.Pass;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Timeline;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.function.Consumer;

/** Softmax cross-entropy on the device: where its arrays lie. */
public final class LossProgram {
  private final Emission emission;
  private final Activation shape;
  private final Buffer logits;
  private final Buffer labels;
  private final Buffer targets;
  private final Buffer losses;
  private final Buffer gradient;
  private final HostBuffer hostLabels;
  private final HostBuffer hostTargets;
  private final HostBuffer hostLosses;
  private final HostBuffer hostGradient;

  /**
   * Places the arrays.
   *
   * @param shape of the logits
   * @param logits as tensors are stored
   * @param hostGradient where the gradient of the logits goes
   */
  public LossProgram(
      Emission emission,
      Activation shape,
      Buffer logits,
      HostBuffer hostGradient,
      HostBuffers host) {
    this.emission = emission;
    this.shape = shape;
    this.logits = logits;
    this.hostGradient = hostGradient;
    this.labels = emission.region().add((long) shape.images() * Integer.BYTES);
    this.targets = emission.region().add(shape.hostBytes());
    this.losses = emission.region().add((long) shape.images() * Float.BYTES);
    this.gradient = emission.region().add(shape.hostBytes());
    this.hostLabels = host.add(labels.bytes());
    this.hostTargets = host.add(targets.bytes());
    this.hostLosses = host.add(losses.bytes());
  }

  public Loss bind(Binding binding, Stream stream) {
    return new Loss(binding, stream);
  }

  /** The loss with addresses. Computing it allocates nothing. One owner: not thread-safe. */
  public final class Loss implements AutoCloseable {
    private final Stream stream;
    private final Launch launch;
    private final Pass labelsIn;
    private final Pass targetsIn;
    private final Pass resultsOut;
    private final long targetsAddress;
    private final int targetsOffset;
    private final int smoothingOffset;
    private final int countedOffset;
    private final IntBuffer givenLabels;
    private final FloatBuffer givenTargets;
    private final FloatBuffer results;

    private Loss(Binding binding, Stream stream) {
      this.stream = stream;
      this.launch =
          emission
              .kernels()
              .get("softmaxCrossEntropy", emission.type(), SoftmaxCrossEntropy.class)
              .launch("the loss", parameters(binding), Geometry.linear(shape.images(), 256));
      this.targetsAddress = binding.of(targets);
      this.targetsOffset = launch.offset("targets");
      this.smoothingOffset = launch.offset("smoothing");
      this.countedOffset = launch.offset("inverseCounted");
      this.labelsIn = pass(binding, program -> program.copyToDevice(hostLabels, labels));
      this.targetsIn = pass(binding, program -> program.copyToDevice(hostTargets, targets));
      this.resultsOut =
          pass(
              binding,
              program -> {
                program.copyToHost(losses, hostLosses);
                program.copyToHost(gradient, hostGradient);
              });
      this.givenLabels = hostLabels.memory().view().asIntBuffer();
      this.givenTargets = HostBuffers.floats(hostTargets);
      this.results = HostBuffers.floats(hostLosses);
    }

    private Pass pass(Binding binding, Consumer<Program> steps) {
      Program program = new Program(new Timeline());
      steps.accept(program);
      return new Pass("computing the loss", stream, program.bind(binding));
    }

    private SoftmaxCrossEntropy parameters(Binding binding) {
      return new SoftmaxCrossEntropy(
          binding.of(logits),
          binding.of(labels),
          0,
          binding.of(losses),
          binding.of(gradient),
          shape.images(),
          shape.channels(),
          shape.pitch(),
          0,
          1);
    }

    /** Against smoothed labels; see {@link io.resfuse.engine.TrainingPlan#softmaxCrossEntropy}. */
    public double againstLabels(int[] given, double smoothing, int counted) {
      givenLabels.put(0, given);
      labelsIn.start();
      return run(0, smoothing, counted);
    }

    /** Against a distribution per image. */
    public double againstTargets(FloatBuffer given) {
      givenTargets.put(0, given, 0, given.capacity());
      targetsIn.start();
      return run(targetsAddress, 0, shape.images());
    }

    private double run(long given, double smoothing, int counted) {
      launch.set(targetsOffset, given);
      launch.set(smoothingOffset, (float) smoothing);
      launch.set(countedOffset, 1f / Math.max(1, counted));
      stream.launch(launch);
      resultsOut.run();
      double sum = 0;
      for (int n = 0; n < shape.images(); n++) {
        sum += results.get(n);
      }
      return sum / Math.max(1, counted);
    }

    @Override
    public void close() {
      labelsIn.close();
      targetsIn.close();
      resultsOut.close();
    }
  }
}
