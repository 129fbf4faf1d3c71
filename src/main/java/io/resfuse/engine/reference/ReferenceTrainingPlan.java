package io.resfuse.engine.reference;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.Value;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Trains a network. Beyond the SPI, results can be read without rounding to float32.
 *
 * <p>Parameters, statistics and the optimizer's state are doubles; a checkpoint, being float32,
 * does not hold all of their bits.
 */
public final class ReferenceTrainingPlan implements TrainingPlan, OperationTimer {
  private static final String LOGITS = "logits";

  private final NetworkSpec network;
  private final TrainingOptions options;
  private final ParameterStore parameters;
  private final OptimizerState optimizer;
  private final Workspace workspace;
  private final PlanMemory memory;
  private final Tensor image;
  private final FloatBuffer input;
  private final FloatBuffer inputGradient;
  private final Map<String, FloatBuffer> outputs = new LinkedHashMap<>();
  private final Map<String, FloatBuffer> outputGradients = new LinkedHashMap<>();

  /** The gradient of the logits as the loss computed it, before its rounding to float32. */
  private final @Nullable Tensor logitsGradient;

  private boolean forwardRan;
  private boolean closed;

  ReferenceTrainingPlan(NetworkSpec whole, Parameters initial, TrainingOptions options, Loop loop) {
    Rounding rounding = Rounding.of(options.precision());
    this.network = whole.restrictedTo(options.outputs());
    this.options = options;
    this.parameters = new ParameterStore(whole, initial, rounding);
    List<ParameterSpec> trained =
        network.parameters().values().stream()
            .filter(parameter -> MemoryEstimate.hasGradient(parameter, options))
            .toList();
    trained.forEach(parameters::addGradient);
    this.optimizer = new OptimizerState(options.optimizer(), trained);
    this.workspace = new Workspace(network, options.request(), options, parameters, rounding, loop);
    this.image = workspace.value(network.input());
    this.input = HostBuffers.like(image);
    this.inputGradient =
        options.inputGradient() ? HostBuffers.like(image) : FloatBuffer.allocate(0);
    long host = image.data.length + (long) inputGradient.capacity();
    for (Map.Entry<String, Value> output : network.outputs().entrySet()) {
      Tensor value = workspace.value(output.getValue());
      outputs.put(output.getKey(), HostBuffers.like(value));
      outputGradients.put(output.getKey(), HostBuffers.like(value));
      host += 2L * value.data.length;
    }
    this.logitsGradient =
        network.outputs().containsKey(LOGITS) ? Tensor.zeros(outputShape(LOGITS)) : null;
    long activations = workspace.bytes();
    this.memory =
        new PlanMemory(
            parameters.bytes() + optimizer.bytes(),
            activations,
            activations,
            workspace.scratchBytes(),
            Float.BYTES * host);
  }

  @Override
  public TrainingOptions options() {
    return options;
  }

  @Override
  public FloatBuffer input() {
    checkOpen();
    return input;
  }

  @Override
  public void forward() {
    run(true);
  }

  @Override
  public void evaluate() {
    run(false);
  }

  private void run(boolean training) {
    checkOpen();
    forwardRan = training;
    image.read(input, options.layout());
    workspace.forward(network, training);
    outputs.forEach(
        (name, buffer) -> workspace.value(network.output(name)).write(buffer, options.layout()));
  }

  @Override
  public FloatBuffer output(String name) {
    checkOpen();
    network.output(name);
    return outputs.get(name);
  }

  /**
   * An output of the last {@link #forward} or {@link #evaluate} as it was computed.
   *
   * @param name one of the options' outputs
   * @return a copy in NCHW order, whatever the layout
   */
  public double[] exactOutput(String name) {
    checkOpen();
    return workspace.value(network.output(name)).toNchw();
  }

  @Override
  public Shape outputShape(String name) {
    return network
        .shapes(options.batch(), options.height(), options.width())
        .get(network.output(name).id());
  }

  @Override
  public FloatBuffer outputGradient(String name) {
    checkOpen();
    network.output(name);
    return outputGradients.get(name);
  }

  @Override
  public double softmaxCrossEntropy(int[] labels, double smoothing) {
    checkOpen();
    int classes = network.output(LOGITS).channels();
    if (labels.length != options.batch()) {
      throw new IllegalArgumentException(
          "the plan has a batch of "
              + options.batch()
              + " images, got "
              + labels.length
              + " labels");
    }
    for (int n = 0; n < labels.length; n++) {
      if (labels[n] < -1 || labels[n] >= classes) {
        throw new IllegalArgumentException(
            "label "
                + labels[n]
                + " of image "
                + n
                + " is not one of "
                + classes
                + " classes (0 to "
                + (classes - 1)
                + ", or -1 for none)");
      }
    }
    if (!(smoothing >= 0 && smoothing <= 1)) {
      throw new IllegalArgumentException("label smoothing must be in 0 to 1, got " + smoothing);
    }
    return loss(
        (n, target) -> {
          Arrays.fill(target, smoothing / classes);
          if (labels[n] >= 0) {
            target[labels[n]] += 1 - smoothing;
          }
          return labels[n] >= 0;
        });
  }

  @Override
  public double softmaxCrossEntropy(FloatBuffer targets) {
    checkOpen();
    int classes = network.output(LOGITS).channels();
    if (targets.capacity() != options.batch() * classes) {
      throw new IllegalArgumentException(
          "targets must be "
              + options.batch()
              + " rows of "
              + classes
              + " classes, got "
              + targets.capacity()
              + " elements");
    }
    return loss(
        (n, target) -> {
          for (int k = 0; k < classes; k++) {
            target[k] = targets.get(n * classes + k);
          }
          return true;
        });
  }

  private double loss(CrossEntropy.Targets targets) {
    Value logits = network.output(LOGITS);
    double loss =
        new CrossEntropy(options.batch(), logits.channels())
            .run(workspace.value(logits).data, targets, logitsGradient.data);
    logitsGradient.write(outputGradients.get(LOGITS), options.layout());
    return loss;
  }

  @Override
  public void backward(boolean accumulate) {
    checkOpen();
    if (!forwardRan) {
      throw new IllegalStateException(
          "backward() needs a forward() before it (evaluate() keeps nothing for it)");
    }
    if (!accumulate) {
      parameters.gradients().values().forEach(gradient -> Arrays.fill(gradient, 0));
    }
    workspace.zeroGradients();
    outputGradients.forEach(this::addOutputGradient);
    workspace.backward(network);
    if (options.inputGradient()) {
      workspace.gradient(network.input()).write(inputGradient, options.layout());
    }
  }

  private void addOutputGradient(String name, FloatBuffer buffer) {
    Value value = network.output(name);
    if (!workspace.wantsGradient(value)) {
      return;
    }
    Tensor gradient = workspace.gradient(value);
    for (int n = 0; n < gradient.batch; n++) {
      for (int c = 0; c < gradient.channels; c++) {
        for (int p = 0; p < gradient.plane; p++) {
          float given = buffer.get(gradient.hostIndex(options.layout(), n, c, p));
          int i = gradient.offset(n, c) + p;
          // What the loss wrote and nobody changed keeps the bits that float32 has no room for.
          boolean fromLoss = name.equals(LOGITS) && (float) logitsGradient.data[i] == given;
          gradient.data[i] += fromLoss ? logitsGradient.data[i] : given;
        }
      }
    }
  }

  @Override
  public FloatBuffer inputGradient() {
    checkOpen();
    checkHasInputGradient();
    return inputGradient;
  }

  /**
   * The gradient of the images as it was computed.
   *
   * @return a copy in NCHW order, whatever the layout
   */
  public double[] exactInputGradient() {
    checkOpen();
    checkHasInputGradient();
    return workspace.gradient(network.input()).toNchw();
  }

  private void checkHasInputGradient() {
    if (!options.inputGradient()) {
      throw new IllegalStateException(
          "this plan computes no input gradient; make it with options.withInputGradient(true)");
    }
  }

  @Override
  public void readGradient(String parameter, HostTensor target) {
    double[] gradient = gradient(parameter);
    if (!target.shape().equals(network.parameters().get(parameter).shape())) {
      throw new IllegalArgumentException(
          "the gradient of "
              + parameter
              + " has shape "
              + network.parameters().get(parameter).shape()
              + ", the target "
              + target.shape());
    }
    ParameterStore.copy(gradient, target);
  }

  /**
   * A parameter's gradient as it was computed.
   *
   * @param parameter name of a trainable parameter that is not frozen
   * @return a copy
   */
  public double[] exactGradient(String parameter) {
    return gradient(parameter).clone();
  }

  private double[] gradient(String parameter) {
    checkOpen();
    double[] gradient = parameters.gradients().get(parameter);
    if (gradient == null) {
      throw new IllegalArgumentException(
          "'"
              + parameter
              + "' has no gradient: it is no trainable parameter of this plan or frozen");
    }
    return gradient;
  }

  /**
   * A parameter or running statistic as it is now.
   *
   * @param parameter its name
   * @return a copy
   */
  public double[] exactParameter(String parameter) {
    checkOpen();
    ParameterSpec spec = network.parameters().get(parameter);
    if (spec == null) {
      throw new IllegalArgumentException(network.name() + " has no parameter '" + parameter + "'");
    }
    return parameters.get(spec).clone();
  }

  /**
   * The parameters that have a gradient.
   *
   * @return their names in the network's order
   */
  public List<String> trainedParameters() {
    return List.copyOf(parameters.gradients().keySet());
  }

  @Override
  public double gradientNorm() {
    checkOpen();
    double sum = 0;
    for (double[] gradient : parameters.gradients().values()) {
      for (double g : gradient) {
        sum += g * g;
      }
    }
    return Math.sqrt(sum);
  }

  @Override
  public void update(double learningRate, double gradientScale) {
    checkOpen();
    optimizer.update(parameters, learningRate, gradientScale);
  }

  @Override
  public void readParameters(Parameters target) {
    checkOpen();
    parameters.read(target);
  }

  @Override
  public void writeParameters(Parameters source) {
    checkOpen();
    parameters.write(source);
  }

  @Override
  public Map<String, HostTensor> readOptimizerState() {
    checkOpen();
    return optimizer.read();
  }

  @Override
  public void writeOptimizerState(Map<String, HostTensor> state) {
    checkOpen();
    optimizer.write(state);
  }

  @Override
  public PlanMemory memory() {
    return memory;
  }

  @Override
  public double seconds(String operation, Runnable coolCaches) {
    checkOpen();
    forwardRan = false;
    return workspace.seconds(network, operation, true, coolCaches);
  }

  private void checkOpen() {
    if (closed) {
      throw new IllegalStateException("this training plan of " + network.name() + " is closed");
    }
  }

  @Override
  public void close() {
    closed = true;
  }
}
