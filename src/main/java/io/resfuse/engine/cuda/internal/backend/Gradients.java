package io.resfuse.engine.cuda.internal.backend;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Value;
import io.resfuse.engine.cuda.internal.emit.Conversions;
import io.resfuse.engine.cuda.internal.emit.Convolutions;
import io.resfuse.engine.cuda.internal.emit.NormalizationGradients;
import io.resfuse.engine.cuda.internal.emit.Normalizations;
import io.resfuse.engine.cuda.internal.kernels.Mask;
import io.resfuse.engine.cuda.internal.layout.Activation;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The gradients of values while the backward pass is built. Contributions come from the readers of
 * a value, the last reader's first. Not thread-safe.
 */
public final class Gradients {
  private final TrainingState state;
  private final Program program;
  private final Map<Value, Buffer> gradients = new HashMap<>();
  private final Map<Value, Convolutions.Contribution> sparse = new HashMap<>();
  private final Map<Value, NormalizationGradients.Coefficients> completed = new HashMap<>();
  private final Map<FusedConv, Buffer> ofRaw = new HashMap<>();
  private final Set<Operation> begun = new HashSet<>();

  public Gradients(TrainingState state, Program program) {
    this.state = state;
    this.program = program;
  }

  /**
   * Where a contribution goes.
   *
   * @param buffer the gradient
   * @param accumulate whether there is something to add to
   */
  public record Target(Buffer buffer, boolean accumulate) {}

  /** Says that an operation's contributions come next. */
  public void begin(Operation operation) {
    begun.add(operation);
  }

  /**
   * Whether what an operation adds to the gradient of its input is the last contribution. An
   * operation that reads a value twice contributes to its residual first.
   */
  boolean completes(Value input) {
    return !state.shapes().isOutput(input) && begun.containsAll(state.shapes().readers(input));
  }

  /**
   * Whether a first contribution that is zero but for every so-manieth pixel may stay sparse: all
   * that are to come are those of convolutions, which add it.
   */
  boolean maySparselyBegin(Value value) {
    List<Operation> left =
        state.shapes().readers(value).stream().filter(reader -> !begun.contains(reader)).toList();
    return !gradients.containsKey(value)
        && !state.shapes().isOutput(value)
        && !left.isEmpty()
        && left.stream()
            .allMatch(reader -> reader instanceof FusedConv c && !value.equals(c.residual()));
  }

  void beginSparsely(Value value, Convolutions.Contribution contribution) {
    sparse.put(value, contribution);
  }

  /** What is to be added by who writes to {@link #target} next; null if nothing. */
  Convolutions.@Nullable Contribution before(Value value) {
    Buffer present = gradients.get(value);
    return present == null ? sparse.remove(value) : new Convolutions.Contribution(present, 1);
  }

  /** Says that a gradient is masked, and what followed from its sums. */
  void complete(Value value, NormalizationGradients.Coefficients coefficients) {
    completed.put(value, coefficients);
  }

  /** What followed from the sums of a gradient that is masked; null if it is not. */
  NormalizationGradients.@Nullable Coefficients completed(Value value) {
    return completed.get(value);
  }

  /** Says that the gradient of a convolution's raw result is known before its turn comes. */
  void computed(FusedConv conv, Buffer gradient) {
    ofRaw.put(conv, gradient);
  }

  /** The gradient of a convolution's raw result, if that is known; or null. */
  @Nullable Buffer computed(FusedConv conv) {
    return ofRaw.get(conv);
  }

  /** The sum of the contributions. */
  public Buffer present(Value value) {
    Buffer gradient = gradients.get(value);
    if (gradient == null) {
      throw new IllegalStateException("nothing contributed to the gradient of " + value.name());
    }
    return gradient;
  }

  /** For a contribution that a kernel writes or adds. */
  public Target target(Value value) {
    Buffer present = gradients.get(value);
    if (present != null) {
      return new Target(present, true);
    }
    Buffer fresh = program.timeline().activation(state.bytes(value));
    gradients.put(value, fresh);
    return new Target(fresh, false);
  }

  /**
   * For a contribution that lies in a buffer which nobody needs any more: the first becomes the
   * gradient itself.
   */
  public void give(Value value, Buffer contribution) {
    Buffer present = gradients.get(value);
    if (present == null) {
      gradients.put(value, contribution);
      return;
    }
    Activation shape = state.shapes().of(value);
    Conversions.Subsampling everything =
        new Conversions.Subsampling("sum of gradients of " + value.name(), shape, shape, 1, 0);
    new Conversions(state.emission())
        .subsampleBackward(program, everything, contribution, present, true);
  }

  /**
   * The gradient of a convolution's raw result, from that of what followed it. Passes the masked
   * gradient on to the residual.
   */
  public Buffer apply(
      FusedConv conv,
      NormalizationGradients.Backward backward,
      Normalizations.@Nullable Norm norm,
      NormalizationGradients.@Nullable Coefficients coefficients) {
    Buffer gradient = backward.gradient();
    Value residual = conv.residual();
    boolean passOn = residual != null && state.wantsGradient(residual);
    Buffer result = passOn ? program.timeline().activation(state.bytes(conv.output())) : gradient;
    Buffer masked = passOn && backward.mask() != Mask.NONE ? gradient : null;
    new NormalizationGradients(state.emission())
        .backwardApply(program, backward, norm, coefficients, result, masked);
    if (passOn) {
      give(residual, gradient);
    }
    return result;
  }
}
