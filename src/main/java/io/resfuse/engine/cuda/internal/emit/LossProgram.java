package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.driver.Launch;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.kernels.PixelCrossEntropy;
import io.resfuse.engine.cuda.internal.kernels.SoftmaxCrossEntropy;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.program.Binding;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.HostBuffer;
import io.resfuse.engine.cuda.internal.program.HostBuffers;
import io.resfuse.engine.cuda.internal.program.Pass;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Timeline;
import io.resfuse.tensor.TensorLayout;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Softmax cross-entropy on the device, of outputs of one shape: where its arrays lie. Outputs that
 * are images have a label per pixel, flat ones a label or a distribution per image.
 */
public final class LossProgram {
  private static final int THREADS = 256;

  /** Of logits of pixels, each of which a thread has. */
  private static final int MOST_PIXELS = 128;

  /** For the logits of a block's pixels, beside a few sums. */
  private static final int SHARED_BYTES = 48 * 1024 - 64;

  private final Emission emission;
  private final Logits shape;
  private final Map<String, Buffer> logits;
  private final Map<String, HostBuffer> hostGradients;
  private final Buffer labels;
  private final @Nullable Buffer targets;
  private final Buffer losses;
  private final Buffer gradient;
  private final HostBuffer hostLabels;
  private final @Nullable HostBuffer hostTargets;
  private final HostBuffer hostLosses;

  /**
   * What the loss is of.
   *
   * @param tensor their sizes
   * @param flat whether a class is of an image, not of a pixel
   * @param layout of the gradients of images
   */
  public record Logits(Activation tensor, boolean flat, TensorLayout layout) {
    /** Whether the device can compute it: a pixel's logits fit a block's shared memory. */
    public boolean isOnDevice() {
      return flat || pixelBytes() <= SHARED_BYTES;
    }

    private int pixelBytes() {
      return (tensor.channels() | 1) * Float.BYTES;
    }

    private int pixelsPerBlock() {
      return Math.min(Math.min(MOST_PIXELS, SHARED_BYTES / pixelBytes()), tensor.rows());
    }

    /** One per image, or one per block of pixels. */
    private int losses() {
      return flat ? tensor.images() : Geometry.ceilDiv(tensor.rows(), pixelsPerBlock());
    }

    private Geometry geometry() {
      return flat
          ? Geometry.linear(tensor.images(), THREADS)
          : new Geometry(losses(), 1, 1, MOST_PIXELS, 1, pixelsPerBlock() * pixelBytes());
    }
  }

  /**
   * Places the arrays.
   *
   * @param shape of all these outputs
   * @param logits as tensors are stored, by the name of the output
   * @param hostGradients where the gradients of outputs go, by name
   */
  public LossProgram(
      Emission emission,
      Logits shape,
      Map<String, Buffer> logits,
      Map<String, HostBuffer> hostGradients,
      HostBuffers host) {
    this.emission = emission;
    this.shape = shape;
    this.logits = Map.copyOf(logits);
    this.hostGradients = hostGradients;
    Activation tensor = shape.tensor();
    this.labels = emission.region().add((long) tensor.rows() * Integer.BYTES);
    this.targets = shape.flat() ? emission.region().add(tensor.hostBytes()) : null;
    this.losses = emission.region().add((long) shape.losses() * Float.BYTES);
    this.gradient = emission.region().add(tensor.hostBytes());
    this.hostLabels = host.add(labels.bytes());
    this.hostTargets = targets == null ? null : host.add(targets.bytes());
    this.hostLosses = host.add(losses.bytes());
  }

  public Loss bind(Binding binding, Stream stream) {
    return new Loss(binding, stream);
  }

  /**
   * Of one output: what computes it, what copies results to the host, and where parameters lie.
   *
   * @param targetsOffset -1 if it has none
   */
  private record Bound(
      Launch launch, Pass resultsOut, int targetsOffset, int smoothingOffset, int scaleOffset) {}

  /** The loss with addresses. Computing it allocates nothing. One owner: not thread-safe. */
  public final class Loss implements AutoCloseable {
    private final Stream stream;
    private final Map<String, Bound> outputs = new HashMap<>();
    private final Pass labelsIn;
    private final @Nullable Pass targetsIn;
    private final long targetsAddress;
    private final IntBuffer givenLabels;
    private final @Nullable FloatBuffer givenTargets;
    private final FloatBuffer results;

    private Loss(Binding binding, Stream stream) {
      this.stream = stream;
      logits.forEach((name, buffer) -> outputs.put(name, bound(binding, name, buffer)));
      this.labelsIn = pass(binding, program -> program.copyToDevice(hostLabels, labels));
      boolean flat = targets != null && hostTargets != null;
      this.targetsAddress = flat ? binding.of(targets) : 0;
      this.targetsIn =
          flat ? pass(binding, program -> program.copyToDevice(hostTargets, targets)) : null;
      this.givenLabels = hostLabels.memory().view().asIntBuffer();
      this.givenTargets = flat ? HostBuffers.floats(hostTargets) : null;
      this.results = HostBuffers.floats(hostLosses);
    }

    private Bound bound(Binding binding, String name, Buffer buffer) {
      String label = "the loss of " + name;
      Launch launch =
          shape.flat()
              ? emission
                  .kernels()
                  .get("softmaxCrossEntropy", emission.type(), SoftmaxCrossEntropy.class)
                  .launch(label, ofImages(binding, buffer), shape.geometry())
              : emission
                  .kernels()
                  .get("pixelCrossEntropy", emission.type(), PixelCrossEntropy.class)
                  .launch(label, ofPixels(binding, buffer), shape.geometry());
      Pass resultsOut =
          pass(
              binding,
              program -> {
                program.copyToHost(losses, hostLosses);
                program.copyToHost(gradient, hostGradients.get(name));
              });
      return new Bound(
          launch,
          resultsOut,
          shape.flat() ? launch.offset("targets") : -1,
          launch.offset("smoothing"),
          launch.offset(shape.flat() ? "inverseCounted" : "scale"));
    }

    private Pass pass(Binding binding, Consumer<Program> steps) {
      Program program = new Program(new Timeline());
      steps.accept(program);
      return new Pass("computing the loss", stream, program.bind(binding));
    }

    private SoftmaxCrossEntropy ofImages(Binding binding, Buffer buffer) {
      Activation tensor = shape.tensor();
      return new SoftmaxCrossEntropy(
          binding.of(buffer),
          binding.of(labels),
          0,
          binding.of(losses),
          binding.of(gradient),
          tensor.images(),
          tensor.channels(),
          tensor.pitch(),
          0,
          1);
    }

    private PixelCrossEntropy ofPixels(Binding binding, Buffer buffer) {
      Activation tensor = shape.tensor();
      return new PixelCrossEntropy(
          binding.of(buffer),
          binding.of(labels),
          binding.of(losses),
          binding.of(gradient),
          tensor.rows(),
          tensor.height() * tensor.width(),
          tensor.channels(),
          tensor.pitch(),
          shape.layout() == TensorLayout.NHWC ? 1 : 0,
          shape.pixelsPerBlock(),
          0,
          1);
    }

    /** Whether an output is one of those whose loss this computes. */
    public boolean isOf(String output) {
      return outputs.containsKey(output);
    }

    /**
     * Against smoothed labels; see {@link
     * io.resfuse.engine.TrainingPlan#softmaxCrossEntropy(String, int[], double, double)}.
     */
    public double againstLabels(
        String output, int[] given, double smoothing, double weight, int counted) {
      givenLabels.put(0, given);
      labelsIn.start();
      Bound bound = outputs.get(output);
      if (shape.flat()) {
        bound.launch().set(bound.targetsOffset(), 0L);
      }
      return run(bound, smoothing, weight / Math.max(1, counted));
    }

    /** Against a distribution per image; of flat outputs. */
    public double againstTargets(String output, FloatBuffer given) {
      Bound bound = outputs.get(output);
      Pass copy = targetsIn;
      if (copy == null || givenTargets == null) {
        throw new IllegalStateException(output + " is no flat output");
      }
      givenTargets.put(0, given, 0, given.capacity());
      copy.start();
      bound.launch().set(bound.targetsOffset(), targetsAddress);
      return run(bound, 0, 1.0 / shape.tensor().images());
    }

    private double run(Bound bound, double smoothing, double scale) {
      Launch launch = bound.launch();
      launch.set(bound.smoothingOffset(), (float) smoothing);
      launch.set(bound.scaleOffset(), (float) scale);
      stream.launch(launch);
      bound.resultsOut().run();
      double sum = 0;
      for (int n = 0; n < shape.losses(); n++) {
        sum += results.get(n);
      }
      return sum * scale;
    }

    @Override
    public void close() {
      labelsIn.close();
      if (targetsIn != null) {
        targetsIn.close();
      }
      outputs.values().forEach(bound -> bound.resultsOut().close());
    }
  }
}
