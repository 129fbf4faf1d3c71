package io.resfuse.engine.onednn;

import io.resfuse.engine.Optimizer;
import io.resfuse.engine.Optimizer.Adam;
import io.resfuse.engine.Optimizer.Group;
import io.resfuse.engine.Optimizer.Sgd;
import io.resfuse.engine.onednn.TrainingWeights.Entry;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The optimizer over all trained parameters. It does not know their layouts: master, gradient and
 * state of a parameter share one. Pieces of them are copied to arrays in the cache, because loops
 * over arrays are vectorised by every JIT compiler. Not thread-safe; a step allocates nothing.
 */
final class OptimizerUpdate {
  private static final int PIECE = 4096;

  /** Pieces that a thread takes at a time. */
  private static final int PIECES = 16;

  private final Optimizer optimizer;
  private final List<Parameter> parameters = new ArrayList<>();
  private final Task[] tasks;
  private final Workers workers;
  private final float[][][] scratch;
  private final Workers.Loop update = this::update;
  private final Workers.Loop squares = this::squares;
  private double learningRate;
  private float gradientScale;
  private double meanCorrection;
  private double squareCorrection;

  private static final class Parameter {
    private final FloatBuffer weight;
    private final FloatBuffer gradient;
    private final List<FloatBuffer> states;
    private final Group group;

    Parameter(FloatBuffer weight, FloatBuffer gradient, List<FloatBuffer> states, Group group) {
      this.weight = weight;
      this.gradient = gradient;
      this.states = states;
      this.group = group;
    }
  }

  private static final class Task {
    private final Parameter parameter;
    private final int from;
    private final int to;
    private double sumOfSquares;

    Task(Parameter parameter, int from, int to) {
      this.parameter = parameter;
      this.from = from;
      this.to = to;
    }
  }

  OptimizerUpdate(
      Optimizer optimizer, TrainingWeights weights, NativeMemory memory, Workers workers) {
    this.optimizer = optimizer;
    this.workers = workers;
    List<Task> all = new ArrayList<>();
    for (Entry entry : weights.trained()) {
      Buffer gradient = entry.gradient();
      if (gradient == null) {
        continue;
      }
      List<FloatBuffer> states = entry.states().stream().map(b -> view(memory, b)).toList();
      Parameter parameter =
          new Parameter(
              view(memory, entry.master()),
              view(memory, gradient),
              states,
              optimizer.group(entry.spec().name()));
      parameters.add(parameter);
      int length = parameter.weight.capacity();
      for (int from = 0; from < length; from += PIECE * PIECES) {
        all.add(new Task(parameter, from, Math.min(length, from + PIECE * PIECES)));
      }
    }
    this.tasks = all.toArray(Task[]::new);
    this.scratch = new float[workers.count()][4][PIECE];
  }

  private static FloatBuffer view(NativeMemory memory, Buffer buffer) {
    return memory.floats(buffer.offset(), buffer.bytes() / Float.BYTES);
  }

  /** One step; the first has number 1. */
  void step(int number, double rate, double scale) {
    learningRate = rate;
    gradientScale = (float) scale;
    if (optimizer instanceof Adam adam) {
      meanCorrection = 1 - Math.pow(adam.beta1(), number);
      squareCorrection = 1 - Math.pow(adam.beta2(), number);
    }
    workers.run(update, tasks.length);
  }

  private void update(int item, int worker) {
    Task task = tasks[item];
    Parameter p = task.parameter;
    float[] w = scratch[worker][0];
    float[] g = scratch[worker][1];
    float rate = (float) (learningRate * p.group.learningRateScale());
    float decay = (float) p.group.weightDecay();
    for (int at = task.from; at < task.to; at += PIECE) {
      int n = Math.min(PIECE, task.to - at);
      p.weight.get(at, w, 0, n);
      p.gradient.get(at, g, 0, n);
      if (optimizer instanceof Sgd sgd) {
        sgd(sgd, p, at, n, w, g, scratch[worker][2], rate, decay);
      } else if (optimizer instanceof Adam adam) {
        adam(
            adam,
            p,
            at,
            n,
            w,
            g,
            scratch[worker],
            learningRate * p.group.learningRateScale(),
            p.group.weightDecay());
      }
      p.weight.put(at, w, 0, n);
    }
  }

  private void sgd(
      Sgd sgd,
      Parameter p,
      int at,
      int n,
      float[] w,
      float[] g,
      float[] v,
      float rate,
      float decay) {
    float momentum = (float) sgd.momentum();
    if (p.states.isEmpty()) {
      plain(n, w, g, gradientScale, rate, decay);
      return;
    }
    FloatBuffer state = p.states.get(0);
    state.get(at, v, 0, n);
    if (sgd.nesterov()) {
      nesterov(n, w, g, v, gradientScale, momentum, rate, decay);
    } else {
      momentum(n, w, g, v, gradientScale, momentum, rate, decay);
    }
    state.put(at, v, 0, n);
  }

  private static void plain(int n, float[] w, float[] g, float scale, float rate, float decay) {
    for (int i = 0; i < n; i++) {
      w[i] -= rate * (scale * g[i] + decay * w[i]);
    }
  }

  private static void momentum(
      int n,
      float[] w,
      float[] g,
      float[] v,
      float scale,
      float momentum,
      float rate,
      float decay) {
    for (int i = 0; i < n; i++) {
      v[i] = momentum * v[i] + (scale * g[i] + decay * w[i]);
      w[i] -= rate * v[i];
    }
  }

  private static void nesterov(
      int n,
      float[] w,
      float[] g,
      float[] v,
      float scale,
      float momentum,
      float rate,
      float decay) {
    for (int i = 0; i < n; i++) {
      float d = scale * g[i] + decay * w[i];
      v[i] = momentum * v[i] + d;
      w[i] -= rate * (d + momentum * v[i]);
    }
  }

  private void adam(
      Adam adam,
      Parameter p,
      int at,
      int n,
      float[] w,
      float[] g,
      float[][] arrays,
      double rate,
      double decay) {
    float[] mean = arrays[2];
    float[] square = arrays[3];
    p.states.get(0).get(at, mean, 0, n);
    p.states.get(1).get(at, square, 0, n);
    adam(
        n,
        w,
        g,
        mean,
        square,
        gradientScale,
        adam.beta1(),
        adam.beta2(),
        rate / meanCorrection,
        Math.sqrt(1 / squareCorrection),
        adam.epsilon(),
        adam.decoupled() ? 1 - rate * decay : 1,
        adam.decoupled() ? 0 : decay);
    p.states.get(0).put(at, mean, 0, n);
    p.states.get(1).put(at, square, 0, n);
  }

  /**
   * In float64: where gradient and weight decay cancel, Adam divides one small number by another,
   * and 1 - beta2 needs more digits than float32 has.
   */
  private static void adam(
      int n,
      float[] w,
      float[] g,
      float[] mean,
      float[] square,
      double scale,
      double beta1,
      double beta2,
      double rate,
      double rootCorrection,
      double epsilon,
      double shrink,
      double decay) {
    for (int i = 0; i < n; i++) {
      double d = scale * g[i] + decay * w[i];
      double m = beta1 * mean[i] + (1 - beta1) * d;
      double v = beta2 * square[i] + (1 - beta2) * d * d;
      mean[i] = (float) m;
      square[i] = (float) v;
      w[i] = (float) (shrink * w[i] - rate * m / (Math.sqrt(v) * rootCorrection + epsilon));
    }
  }

  /** The norm of all gradients, summed in float64 in an order that does not change. */
  double gradientNorm() {
    workers.run(squares, tasks.length);
    double sum = 0;
    for (Task task : tasks) {
      sum += task.sumOfSquares;
    }
    return Math.sqrt(sum);
  }

  private void squares(int item, int worker) {
    Task task = tasks[item];
    float[] g = scratch[worker][0];
    double sum = 0;
    for (int at = task.from; at < task.to; at += PIECE) {
      int n = Math.min(PIECE, task.to - at);
      task.parameter.gradient.get(at, g, 0, n);
      for (int i = 0; i < n; i++) {
        sum += (double) g[i] * g[i];
      }
    }
    task.sumOfSquares = sum;
  }
}
