package io.resfuse.engine.reference;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.AveragePool;
import io.resfuse.engine.Operation.BilinearResize;
import io.resfuse.engine.Operation.Concat;
import io.resfuse.engine.Operation.Convert;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.GlobalAveragePool;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.SqueezeExcite;
import io.resfuse.engine.Operation.SubsampledIdentity;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.Value;
import io.resfuse.engine.spi.GradientFlow;
import io.resfuse.tensor.Shape;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The tensors of one plan, every value in a place of its own, and the steps that fill them. */
final class Workspace {
  private final Program program;
  private final Loop loop;
  private final Rounding rounding;
  private final ParameterStore parameters;
  private final Map<Value, Tensor> values = new LinkedHashMap<>();
  private final Map<Value, Tensor> gradients = new LinkedHashMap<>();
  private final Map<FusedConv, Tensor> convolved = new LinkedHashMap<>();
  private final Map<Operation, Step> steps = new LinkedHashMap<>();

  /** For the patches of one convolution at a time. */
  private final double[] scratch;

  /**
   * Allocates the tensors of a plan.
   *
   * @param program what is run
   * @param training where gradients flow, or null for inference
   */
  Workspace(
      Program program,
      PlanRequest request,
      @Nullable GradientFlow training,
      ParameterStore parameters,
      Rounding rounding,
      Loop loop) {
    NetworkSpec network = program.network();
    this.program = program;
    this.loop = loop;
    this.rounding = rounding;
    this.parameters = parameters;
    List<Shape> shapes = network.shapes(request.batch(), request.height(), request.width());
    values.put(network.input(), Tensor.zeros(shapes.get(network.input().id())));
    for (Operation operation : network.operations()) {
      Shape shape = shapes.get(operation.output().id());
      values.put(operation.output(), Tensor.zeros(shape));
      if (training != null && training.takesBatchStatistics(operation)) {
        convolved.put((FusedConv) operation, Tensor.zeros(shape));
      }
    }
    if (training != null) {
      for (Value value : training.values()) {
        gradients.put(value, Tensor.zeros(shapes.get(value.id())));
      }
    }
    this.scratch = new double[Math.toIntExact(scratchElements(network, shapes))];
    for (Operation operation : network.operations()) {
      steps.put(operation, step(operation));
    }
  }

  private Step step(Operation operation) {
    QuantizedNetwork integers = program.integers();
    if (operation instanceof FusedConv conv) {
      return integers != null && integers.weights(conv) != null
          ? new IntegerConvStep(conv, integers, this)
          : new FusedConvStep(conv, this);
    } else if (operation instanceof Convert convert) {
      return new ConvertStep(convert, this);
    } else if (operation instanceof MaxPool pool) {
      return new MaxPoolStep(pool, this);
    } else if (operation instanceof AveragePool pool) {
      return new AveragePoolStep(pool, this);
    } else if (operation instanceof SubsampledIdentity shortcut) {
      return new SubsampledIdentityStep(shortcut, this);
    } else if (operation instanceof SqueezeExcite gating) {
      return new SqueezeExciteStep(gating, this);
    } else if (operation instanceof BilinearResize resize) {
      return new BilinearResizeStep(resize, this);
    } else if (operation instanceof Concat concat) {
      return new ConcatStep(concat, this);
    } else if (operation instanceof GlobalAveragePool pool) {
      return new GlobalAveragePoolStep(pool, this);
    } else if (operation instanceof Linear linear) {
      return new LinearStep(linear, this);
    }
    throw new AssertionError(operation);
  }

  /** What the largest of the convolutions needs. */
  static long scratchElements(NetworkSpec network, List<Shape> shapes) {
    long most = 0;
    for (Operation operation : network.operations()) {
      if (operation instanceof FusedConv conv) {
        Shape out = shapes.get(conv.output().id());
        int plane = out.dimension(2) * out.dimension(3);
        int inChannels = conv.input().channels();
        most =
            Math.max(
                most,
                Convolution.scratchElements(inChannels, conv.window(), plane, out.dimension(0)));
      }
    }
    return most;
  }

  double[] scratch() {
    return scratch;
  }

  long scratchBytes() {
    return MemoryEstimate.DOUBLE * scratch.length;
  }

  Loop loop() {
    return loop;
  }

  ParameterStore parameters() {
    return parameters;
  }

  /** How a value is stored; null if not as integers. */
  @Nullable Encoding encoding(Value value) {
    return program.encoding(value);
  }

  Tensor value(Value value) {
    return values.get(value);
  }

  /** Where training keeps the convolution's result, else null. */
  @Nullable Tensor convolved(FusedConv operation) {
    return convolved.get(operation);
  }

  boolean wantsGradient(Value value) {
    return gradients.containsKey(value);
  }

  Tensor gradient(Value value) {
    return gradients.get(value);
  }

  void round(Tensor tensor) {
    rounding.round(tensor.data);
  }

  /** Runs all operations on the input value. */
  void forward(NetworkSpec network, boolean training) {
    round(value(network.input()));
    for (Operation operation : network.operations()) {
      steps.get(operation).forward(training);
    }
  }

  /** Runs all operations backward, from the gradients of the outputs. */
  void backward(NetworkSpec network) {
    for (int i = network.operations().size() - 1; i >= 0; i--) {
      Operation operation = network.operations().get(i);
      if (wantsGradient(operation.output())) {
        round(gradient(operation.output()));
        steps.get(operation).backward();
      }
    }
    if (wantsGradient(network.input())) {
      round(gradient(network.input()));
    }
  }

  /** Times an operation, by {@link OperationTimer#seconds}. */
  double seconds(NetworkSpec network, String name, boolean training, Runnable coolCaches) {
    List<Operation> chosen =
        OperationTimer.stepsOf(network, name, network.operations(), Operation::name);
    coolCaches.run();
    long begin = System.nanoTime();
    for (Operation operation : chosen) {
      steps.get(operation).forward(training);
      if (training && wantsGradient(operation.output())) {
        steps.get(operation).backward();
      }
    }
    return (System.nanoTime() - begin) / 1e9;
  }

  void zeroGradients() {
    gradients.values().forEach(gradient -> Arrays.fill(gradient.data, 0));
  }

  /** The bytes of all tensors. */
  long bytes() {
    long sum = 0;
    for (Map<?, Tensor> tensors : List.of(values, gradients, convolved)) {
      for (Tensor tensor : tensors.values()) {
        sum += MemoryEstimate.DOUBLE * tensor.data.length;
      }
    }
    return sum;
  }
}
