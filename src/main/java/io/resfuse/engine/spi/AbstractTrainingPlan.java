package io.resfuse.engine.spi;

import io.resfuse.engine.Communicator;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.tensor.HostTensor;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The contract of {@link TrainingPlan}: in which order its methods may be called, what they may be
 * given, and what they say otherwise. Engines do the work in the methods that are protected and
 * abstract, which need not check.
 *
 * <p>A plan is <em>open</em>, has its <em>forward pass done</em>, or is <em>closed</em>. {@link
 * #forward} keeps what one backward pass needs, which {@link #backward} uses up: engines give its
 * memory to gradients. So a second {@code backward} without a {@code forward} of its own throws
 * {@link IllegalStateException}, and so does one after {@link #evaluate}, after {@link #update} or
 * {@link #writeParameters}, which change the weights that the forward pass has used, and after
 * {@link #seconds}, which runs over its results. Gradients, outputs and the loss can be had as
 * often as wanted.
 */
public abstract class AbstractTrainingPlan extends AbstractPlan implements TrainingPlan {
  private static final String LOGITS = "logits";

  private final TrainingOptions options;
  private final NetworkSpec whole;
  private final GradientFlow flow;
  private boolean forwardDone;
  private int steps;

  /**
   * An open plan. Its parameters have no values yet: a constructor ends with {@link
   * #writeParameters}.
   *
   * @param network the whole network
   * @param options what the plan is made for
   */
  protected AbstractTrainingPlan(NetworkSpec network, TrainingOptions options) {
    super("training plan", network, options.request());
    this.options = options;
    this.whole = network;
    this.flow = new GradientFlow(network, options);
  }

  // ---------------------------------------------------------------- what an engine does

  /** Runs forward with batch statistics, keeps what backward needs, moves running statistics. */
  protected abstract void runForward();

  /** Runs forward with running statistics. */
  protected abstract void runEvaluation();

  /**
   * Runs backward from the gradients of the outputs. May destroy what the forward pass kept.
   *
   * @param accumulate whether to add to the gradients of parameters, rather than replace them
   */
  protected abstract void runBackward(boolean accumulate);

  /**
   * Changes the trained parameters.
   *
   * @param step its number, the first of an optimizer's life being 1
   * @param learningRate of this step
   * @param gradientScale what gradients are multiplied by
   */
  protected abstract void runOptimizer(int step, double learningRate, double gradientScale);

  /**
   * Computes the loss of an output against labels, and the output's gradient.
   *
   * @param output one of the plan's outputs
   * @param labels one for each image, or for each pixel of an output that is an image, each a
   *     class, or -1 for none
   * @param smoothing 0 to 1
   * @param weight what loss and gradient are multiplied by
   * @param counted how many labels are not -1
   * @return the loss, 0 if none counts
   */
  protected abstract double lossOfLabels(
      String output, int[] labels, double smoothing, double weight, int counted);

  /**
   * Computes the loss against distributions, and the gradient of the logits. Called only if the
   * plan has logits, one row per image.
   *
   * @param targets (batch, classes)
   * @return the loss
   */
  protected abstract double lossOfTargets(FloatBuffer targets);

  /**
   * The gradient of the loss with respect to an output.
   *
   * @param name one of the plan's outputs
   * @return the same buffer always
   */
  protected abstract FloatBuffer outputGradientBuffer(String name);

  /**
   * The gradient of the images.
   *
   * @return the same buffer always; asked for only if the options want it
   */
  protected abstract FloatBuffer inputGradientBuffer();

  /**
   * The norm of all gradients together.
   *
   * @return the square root of the sum of squares, in float64, in an order that does not change
   */
  protected abstract double normOfGradients();

  /**
   * Copies a parameter's value to the host.
   *
   * @param parameter of the whole network
   * @param target of its shape
   */
  protected abstract void readValue(ParameterSpec parameter, HostTensor target);

  /**
   * Replaces a parameter's value; {@link #valuesWritten} is called after the last.
   *
   * @param parameter of the whole network
   * @param source of its shape
   */
  protected abstract void writeValue(ParameterSpec parameter, HostTensor source);

  /** Makes the copies of parameters that other layouts and precisions need. */
  protected abstract void valuesWritten();

  /**
   * Copies a parameter's gradient to the host.
   *
   * @param parameter one that is {@link GradientFlow#trains trained}
   * @param target of its shape
   */
  protected abstract void readGradient(ParameterSpec parameter, HostTensor target);

  /**
   * Replaces a parameter's gradient.
   *
   * @param parameter one that is {@link GradientFlow#trains trained}
   * @param source of its shape
   */
  protected abstract void writeGradient(ParameterSpec parameter, HostTensor source);

  /**
   * Makes what exchanges gradients and running statistics between plans like this one on the
   * devices of this process, of the same network and options, by a shorter way than through the
   * host's memory.
   *
   * @param devices for each device its plans, as many on each; in order, the shards of a step
   * @return to be closed before the plans; null if there is no shorter way
   */
  protected @Nullable GradientExchange exchange(
      List<? extends List<? extends AbstractTrainingPlan>> devices) {
    return null;
  }

  /** The exchange between this process's plans, and with other processes. */
  final GradientExchange exchange(
      List<? extends List<? extends AbstractTrainingPlan>> devices, Communicator processes) {
    List<AbstractTrainingPlan> shards = new ArrayList<>();
    devices.forEach(shards::addAll);
    GradientExchange onDevices = shards.size() == 1 ? null : exchange(devices);
    if (onDevices != null && processes.size() == 1) {
      return onDevices;
    }
    List<ParameterSpec> statistics =
        whole.parameters().values().stream().filter(p -> !p.isTrainable()).toList();
    boolean done = false;
    try {
      GradientExchange exchange =
          new HostExchange(shards, flow.trained(), statistics, processes, onDevices);
      done = true;
      return exchange;
    } finally {
      if (!done && onDevices != null) {
        onDevices.close();
      }
    }
  }

  /**
   * Copies one of the optimizer's arrays to the host.
   *
   * @param parameter one that is trained
   * @param index of the array in {@link OptimizerStates#names}
   * @param target of the parameter's shape
   */
  protected abstract void readState(ParameterSpec parameter, int index, HostTensor target);

  /**
   * Replaces one of the optimizer's arrays.
   *
   * @param parameter one that is trained
   * @param index of the array in {@link OptimizerStates#names}
   * @param source of the parameter's shape
   */
  protected abstract void writeState(ParameterSpec parameter, int index, HostTensor source);

  /**
   * Where gradients flow.
   *
   * @return what follows from network and options
   */
  protected final GradientFlow flow() {
    return flow;
  }

  /**
   * For public methods that an engine adds.
   *
   * @throws IllegalStateException if the options do not ask for the gradient of the images
   */
  protected final void checkInputGradient() {
    if (!options.inputGradient()) {
      throw new IllegalStateException(
          "this plan computes no input gradient; make it with options.withInputGradient(true)");
    }
  }

  /**
   * For public methods that an engine adds.
   *
   * @param name of a parameter
   * @return it
   * @throws IllegalArgumentException if it has no gradient
   */
  protected final ParameterSpec checkTrained(String name) {
    ParameterSpec parameter = whole.parameters().get(name);
    if (parameter == null || !flow.trains(parameter)) {
      throw new IllegalArgumentException(
          "'" + name + "' has no gradient: it is no trainable parameter of this plan or frozen");
    }
    return parameter;
  }

  // ---------------------------------------------------------------- what callers see

  @Override
  public final TrainingOptions options() {
    return options;
  }

  @Override
  public final synchronized void forward() {
    checkOpen();
    forwardDone = false;
    runForward();
    forwardDone = true;
  }

  @Override
  public final synchronized void evaluate() {
    checkOpen();
    forwardDone = false;
    runEvaluation();
  }

  @Override
  public final synchronized FloatBuffer outputGradient(String name) {
    checkOpen();
    checkOutput(name);
    return outputGradientBuffer(name);
  }

  @Override
  public final synchronized double softmaxCrossEntropy(
      String output, int[] labels, double smoothing, double weight) {
    checkOpen();
    int counted = LossArguments.count(labels, smoothing, weight, outputShape(output));
    return lossOfLabels(output, labels, smoothing, weight, counted);
  }

  @Override
  public final synchronized double softmaxCrossEntropy(FloatBuffer targets) {
    checkOpen();
    LossArguments.check(targets, outputShape(LOGITS));
    return lossOfTargets(targets);
  }

  /**
   * {@inheritDoc}
   *
   * <p>It uses up what the forward pass kept: another one needs a forward pass of its own.
   */
  @Override
  public final synchronized void backward(boolean accumulate) {
    checkOpen();
    if (!forwardDone) {
      throw new IllegalStateException(
          "backward() needs a forward() of its own right before it: a backward pass uses up what"
              + " the forward pass kept, and evaluations and changes of parameters void it");
    }
    forwardDone = false;
    runBackward(accumulate);
  }

  @Override
  final void disturbed() {
    forwardDone = false;
  }

  @Override
  public final synchronized FloatBuffer inputGradient() {
    checkOpen();
    checkInputGradient();
    return inputGradientBuffer();
  }

  @Override
  public final synchronized void readGradient(String parameter, HostTensor target) {
    checkOpen();
    ParameterSpec spec = checkTrained(parameter);
    if (!target.shape().equals(spec.shape())) {
      throw new IllegalArgumentException(
          "the gradient of "
              + parameter
              + " has shape "
              + spec.shape()
              + ", the target "
              + target.shape());
    }
    readGradient(spec, target);
  }

  @Override
  public final synchronized double gradientNorm() {
    checkOpen();
    return normOfGradients();
  }

  @Override
  public final synchronized void update(double learningRate, double gradientScale) {
    checkOpen();
    forwardDone = false;
    steps++;
    runOptimizer(steps, learningRate, gradientScale);
  }

  @Override
  public final synchronized void readParameters(Parameters target) {
    checkOpen();
    for (ParameterSpec parameter : whole.parameters().values()) {
      readValue(parameter, target.get(parameter));
    }
  }

  @Override
  public final synchronized void writeParameters(Parameters source) {
    checkOpen();
    forwardDone = false;
    for (ParameterSpec parameter : whole.parameters().values()) {
      writeValue(parameter, source.get(parameter));
    }
    valuesWritten();
  }

  @Override
  public final synchronized Map<String, HostTensor> readOptimizerState() {
    checkOpen();
    Map<String, HostTensor> state = new LinkedHashMap<>();
    List<String> names = OptimizerStates.names(options.optimizer());
    for (ParameterSpec parameter : flow.trained()) {
      for (int i = 0; i < names.size(); i++) {
        HostTensor tensor = HostTensor.zeros(parameter.shape());
        readState(parameter, i, tensor);
        state.put(OptimizerStates.key(parameter, names.get(i)), tensor);
      }
    }
    OptimizerStates.putSteps(state, steps);
    return state;
  }

  @Override
  public final synchronized void writeOptimizerState(Map<String, HostTensor> state) {
    checkOpen();
    OptimizerStates.check(state, options.optimizer(), flow.trained());
    List<String> names = OptimizerStates.names(options.optimizer());
    for (ParameterSpec parameter : flow.trained()) {
      for (int i = 0; i < names.size(); i++) {
        writeState(parameter, i, state.get(OptimizerStates.key(parameter, names.get(i))));
      }
    }
    steps = OptimizerStates.steps(state);
  }
}
