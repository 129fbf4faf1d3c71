package io.resfuse.engine.reference;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.Value;
import io.resfuse.engine.spi.AbstractTrainingPlan;
import io.resfuse.tensor.HostTensor;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Trains a network. Beyond the SPI, results can be read without rounding to float32.
 *
 * <p>Parameters, statistics and the optimizer's state are doubles; a checkpoint, being float32,
 * does not hold all of their bits.
 */
public final class ReferenceTrainingPlan extends AbstractTrainingPlan {
  private final Runnable onClose;
  private static final String LOGITS = "logits";

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

  /** Gradients of outputs as the loss computed them, before their rounding to float32. */
  private final Map<String, Tensor> lossGradients = new LinkedHashMap<>();

  ReferenceTrainingPlan(
      NetworkSpec whole, Parameters initial, TrainingOptions options, Loop loop, Runnable onClose) {
    super(whole, options);
    this.onClose = onClose;
    Rounding rounding = Rounding.of(options.precision());
    NetworkSpec network = network();
    this.options = options;
    this.parameters = new ParameterStore(whole, rounding);
    flow().trained().forEach(parameters::addGradient);
    this.optimizer = new OptimizerState(options.optimizer(), flow().trained());
    this.workspace =
        new Workspace(
            new Program(network, null), options.request(), flow(), parameters, rounding, loop);
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
    long activations = workspace.bytes();
    this.memory =
        new PlanMemory(
            parameters.bytes() + optimizer.bytes(),
            activations,
            activations,
            workspace.scratchBytes(),
            Float.BYTES * host);
    writeParameters(initial);
  }

  @Override
  protected FloatBuffer inputBuffer() {
    return input;
  }

  @Override
  protected void runForward() {
    run(true);
  }

  @Override
  protected void runEvaluation() {
    run(false);
  }

  private void run(boolean training) {
    image.read(input, options.layout());
    workspace.forward(network(), training);
    outputs.forEach(
        (name, buffer) -> workspace.value(network().output(name)).write(buffer, options.layout()));
  }

  @Override
  protected FloatBuffer outputBuffer(String name) {
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
    checkOutput(name);
    return workspace.value(network().output(name)).toNchw();
  }

  @Override
  protected FloatBuffer outputGradientBuffer(String name) {
    return outputGradients.get(name);
  }

  @Override
  protected double lossOfLabels(
      String output, int[] labels, double smoothing, double weight, int counted) {
    int classes = network().output(output).channels();
    return loss(
        output,
        weight,
        (n, target) -> {
          Arrays.fill(target, smoothing / classes);
          if (labels[n] >= 0) {
            target[labels[n]] += 1 - smoothing;
          }
          return labels[n] >= 0;
        });
  }

  @Override
  protected double lossOfTargets(FloatBuffer targets) {
    int classes = network().output(LOGITS).channels();
    return loss(
        LOGITS,
        1,
        (n, target) -> {
          for (int k = 0; k < classes; k++) {
            target[k] = targets.get(n * classes + k);
          }
          return true;
        });
  }

  private double loss(String output, double weight, CrossEntropy.Targets targets) {
    Tensor logits = workspace.value(network().output(output));
    Tensor gradient =
        lossGradients.computeIfAbsent(output, name -> Tensor.zeros(outputShape(name)));
    double loss =
        new CrossEntropy(logits.batch * logits.plane, logits.channels)
            .run(logits.data, targets, weight, gradient.data);
    gradient.write(outputGradients.get(output), options.layout());
    return loss;
  }

  @Override
  protected void runBackward(boolean accumulate) {
    if (!accumulate) {
      parameters.gradients().values().forEach(gradient -> Arrays.fill(gradient, 0));
    }
    workspace.zeroGradients();
    outputGradients.forEach(this::addOutputGradient);
    workspace.backward(network());
    if (options.inputGradient()) {
      workspace.gradient(network().input()).write(inputGradient, options.layout());
    }
  }

  private void addOutputGradient(String name, FloatBuffer buffer) {
    Value value = network().output(name);
    if (!workspace.wantsGradient(value)) {
      return;
    }
    Tensor gradient = workspace.gradient(value);
    Tensor ofLoss = lossGradients.get(name);
    for (int n = 0; n < gradient.batch; n++) {
      for (int c = 0; c < gradient.channels; c++) {
        for (int p = 0; p < gradient.plane; p++) {
          float given = buffer.get(gradient.hostIndex(options.layout(), n, c, p));
          int i = gradient.offset(n, c) + p;
          // What the loss wrote and nobody changed keeps the bits that float32 has no room for.
          boolean fromLoss = ofLoss != null && (float) ofLoss.data[i] == given;
          gradient.data[i] += fromLoss ? ofLoss.data[i] : given;
        }
      }
    }
  }

  @Override
  protected FloatBuffer inputGradientBuffer() {
    return inputGradient;
  }

  /**
   * The gradient of the images as it was computed.
   *
   * @return a copy in NCHW order, whatever the layout
   */
  public double[] exactInputGradient() {
    checkOpen();
    checkInputGradient();
    return workspace.gradient(network().input()).toNchw();
  }

  @Override
  protected void readGradient(ParameterSpec parameter, HostTensor target) {
    ParameterStore.copy(parameters.gradient(parameter), target);
  }

  @Override
  protected void writeGradient(ParameterSpec parameter, HostTensor source) {
    ParameterStore.copy(source, parameters.gradient(parameter));
  }

  /**
   * A parameter's gradient as it was computed.
   *
   * @param parameter name of a trainable parameter that is not frozen
   * @return a copy
   */
  public double[] exactGradient(String parameter) {
    checkOpen();
    return parameters.gradient(checkTrained(parameter)).clone();
  }

  /**
   * A parameter or running statistic as it is now.
   *
   * @param parameter its name
   * @return a copy
   */
  public double[] exactParameter(String parameter) {
    checkOpen();
    ParameterSpec spec = network().parameters().get(parameter);
    if (spec == null) {
      throw new IllegalArgumentException(
          network().name() + " has no parameter '" + parameter + "'");
    }
    return parameters.get(spec).clone();
  }

  /**
   * The parameters that have a gradient.
   *
   * @return their names in the network's order
   */
  public List<String> trainedParameters() {
    return flow().trained().stream().map(ParameterSpec::name).toList();
  }

  @Override
  protected double normOfGradients() {
    double sum = 0;
    for (double[] gradient : parameters.gradients().values()) {
      for (double g : gradient) {
        sum += g * g;
      }
    }
    return Math.sqrt(sum);
  }

  @Override
  protected void runOptimizer(int step, double learningRate, double gradientScale) {
    optimizer.update(parameters, step, learningRate, gradientScale);
  }

  @Override
  protected void readValue(ParameterSpec parameter, HostTensor target) {
    ParameterStore.copy(parameters.get(parameter), target);
  }

  @Override
  protected void writeValue(ParameterSpec parameter, HostTensor source) {
    ParameterStore.copy(source, parameters.get(parameter));
  }

  @Override
  protected void valuesWritten() {
    parameters.refreshRounded();
  }

  @Override
  protected void readState(ParameterSpec parameter, int index, HostTensor target) {
    ParameterStore.copy(optimizer.states(parameter).get(index), target);
  }

  @Override
  protected void writeState(ParameterSpec parameter, int index, HostTensor source) {
    ParameterStore.copy(source, optimizer.states(parameter).get(index));
  }

  @Override
  public PlanMemory memory() {
    return memory;
  }

  @Override
  protected double time(String operation, Runnable coolCaches) {
    return workspace.seconds(network(), operation, true, coolCaches);
  }

  @Override
  protected void release() {
    onClose.run();
  }
}
