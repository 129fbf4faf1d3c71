package io.resfuse.engine.cuda;

import io.resfuse.engine.cuda.driver.DeviceMemory;
import io.resfuse.engine.cuda.driver.Geometry;
import io.resfuse.engine.cuda.driver.Launch;
import io.resfuse.engine.cuda.driver.Stream;
import io.resfuse.engine.cuda.kernels.SoftmaxCrossEntropy;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;

/** Softmax cross-entropy on the device: where its arrays lie. */
final class LossProgram {
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
  LossProgram(
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

  Loss bind(Binding binding, Stream stream) {
    return new Loss(binding, stream);
  }

  /** The loss with addresses. Computing it allocates little. One owner: not thread-safe. */
  final class Loss {
    private final Binding binding;
    private final Stream stream;
    private final DeviceMemory memory;
    private final Launch launch;
    private final IntBuffer givenLabels;
    private final FloatBuffer givenTargets;
    private final FloatBuffer results;

    private Loss(Binding binding, Stream stream) {
      this.binding = binding;
      this.stream = stream;
      this.memory = binding.memory(losses);
      this.launch =
          emission
              .kernels()
              .get("softmaxCrossEntropy", emission.type(), SoftmaxCrossEntropy.class)
              .launch("the loss", parameters(0, 0, 0), Geometry.linear(shape.images(), 256));
      this.givenLabels = hostLabels.memory().view().asIntBuffer();
      this.givenTargets = HostBuffers.floats(hostTargets);
      this.results = HostBuffers.floats(hostLosses);
    }

    private SoftmaxCrossEntropy parameters(long given, double smoothing, int counted) {
      return new SoftmaxCrossEntropy(
          binding.at(logits),
          binding.at(labels),
          given,
          binding.at(losses),
          binding.at(gradient),
          shape.images(),
          shape.channels(),
          shape.pitch(),
          (float) smoothing,
          1f / Math.max(1, counted));
    }

    /** Against smoothed labels; see {@link io.resfuse.engine.TrainingPlan#softmaxCrossEntropy}. */
    double againstLabels(int[] given, double smoothing) {
      check(given, smoothing);
      int counted = 0;
      for (int label : given) {
        counted += label >= 0 ? 1 : 0;
      }
      givenLabels.put(0, given);
      stream.copyToDevice(hostLabels.memory(), memory, labels.offset());
      return run(0, smoothing, counted);
    }

    private void check(int[] given, double smoothing) {
      if (given.length != shape.images()) {
        throw new IllegalArgumentException(
            "the plan has a batch of "
                + shape.images()
                + " images, got "
                + given.length
                + " labels");
      }
      for (int n = 0; n < given.length; n++) {
        if (given[n] < -1 || given[n] >= shape.channels()) {
          throw new IllegalArgumentException(
              "label "
                  + given[n]
                  + " of image "
                  + n
                  + " is not one of "
                  + shape.channels()
                  + " classes (0 to "
                  + (shape.channels() - 1)
                  + ", or -1 for none)");
        }
      }
      if (!(smoothing >= 0 && smoothing <= 1)) {
        throw new IllegalArgumentException("label smoothing must be in 0 to 1, got " + smoothing);
      }
    }

    /** Against a distribution per image. */
    double againstTargets(FloatBuffer given) {
      if (given.capacity() != givenTargets.capacity()) {
        throw new IllegalArgumentException(
            "targets must be "
                + shape.images()
                + " rows of "
                + shape.channels()
                + " classes, got "
                + given.capacity()
                + " elements");
      }
      givenTargets.put(0, given, 0, given.capacity());
      stream.copyToDevice(hostTargets.memory(), memory, targets.offset());
      return run(binding.at(targets), 0, shape.images());
    }

    private double run(long given, double smoothing, int counted) {
      launch.replace(parameters(given, smoothing, counted));
      stream.launch(launch);
      stream.copyToHost(memory, losses.offset(), hostLosses.memory());
      stream.copyToHost(memory, gradient.offset(), hostGradient.memory());
      stream.synchronize("computing the loss");
      double sum = 0;
      for (int n = 0; n < shape.images(); n++) {
        sum += results.get(n);
      }
      return sum / Math.max(1, counted);
    }
  }
}
