package io.resfuse.engine.reference;

import io.resfuse.engine.Operation.SqueezeExcite;
import org.jspecify.annotations.Nullable;

/**
 * {@code out = relu(gate in + residual)}, {@code gate = sigmoid(W2 relu(W1 mean(in) + b1) + b2)}.
 * With dz the gradient of the result where the ReLU let through, the way back is
 *
 * <pre>{@code
 * dlogit[n, c]  = gate (1 - gate) sum over pixels of dz in
 * dhidden[n, r] = sum over c of W2[c, r] dlogit[n, c], where hidden is positive, else 0
 * dW2[c, r]     = sum over n of dlogit[n, c] hidden[n, r],   db2[c] = sum over n of dlogit[n, c]
 * dW1[r, c]     = sum over n of dhidden[n, r] mean[n, c],    db1[r] = sum over n of dhidden[n, r]
 * din           = gate dz + (sum over r of W1[r, c] dhidden[n, r]) / pixels
 * }</pre>
 */
final class SqueezeExciteStep implements Step {
  private final SqueezeExcite operation;
  private final Workspace workspace;
  private final ParameterStore parameters;
  private final Tensor in;
  private final Tensor out;
  private final @Nullable Tensor residual;

  /** Of all images; what the backward pass needs of the forward pass. */
  private final double[] mean;

  private final double[] hidden;
  private final double[] gate;

  SqueezeExciteStep(SqueezeExcite operation, Workspace workspace) {
    this.operation = operation;
    this.workspace = workspace;
    this.parameters = workspace.parameters();
    this.in = workspace.value(operation.input());
    this.out = workspace.value(operation.output());
    this.residual = operation.residual() == null ? null : workspace.value(operation.residual());
    this.mean = new double[in.batch * in.channels];
    this.hidden = new double[in.batch * operation.reduced()];
    this.gate = new double[in.batch * in.channels];
  }

  @Override
  public void forward(boolean training) {
    int channels = in.channels;
    int reduced = operation.reduced();
    for (int n = 0; n < in.batch; n++) {
      for (int c = 0; c < channels; c++) {
        double sum = 0;
        for (int p = 0; p < in.plane; p++) {
          sum += in.data[in.offset(n, c) + p];
        }
        mean[n * channels + c] = sum / in.plane;
      }
      affine(
          parameters.get(operation.reduceWeight()),
          parameters.get(operation.reduceBias()),
          mean,
          n * channels,
          hidden,
          n * reduced);
      for (int r = 0; r < reduced; r++) {
        hidden[n * reduced + r] = Math.max(0, hidden[n * reduced + r]);
      }
      affine(
          parameters.get(operation.expandWeight()),
          parameters.get(operation.expandBias()),
          hidden,
          n * reduced,
          gate,
          n * channels);
      for (int c = 0; c < channels; c++) {
        gate[n * channels + c] = 1 / (1 + Math.exp(-gate[n * channels + c]));
        scale(n, c);
      }
    }
    workspace.round(out);
  }

  private void scale(int image, int channel) {
    int begin = in.offset(image, channel);
    double factor = gate[image * in.channels + channel];
    for (int i = begin; i < begin + in.plane; i++) {
      double sum = factor * in.data[i] + (residual == null ? 0 : residual.data[i]);
      out.data[i] = operation.relu() ? Math.max(0, sum) : sum;
    }
  }

  /** {@code to = weight from + bias}, of one image. */
  private static void affine(
      double[] weight, double[] bias, double[] from, int fromBegin, double[] to, int toBegin) {
    int inputs = weight.length / bias.length;
    for (int o = 0; o < bias.length; o++) {
      double sum = bias[o];
      for (int i = 0; i < inputs; i++) {
        sum += weight[o * inputs + i] * from[fromBegin + i];
      }
      to[toBegin + o] = sum;
    }
  }

  @Override
  public void backward() {
    double[] gradient = workspace.gradient(operation.output()).data;
    if (operation.relu()) {
      for (int i = 0; i < out.data.length; i++) {
        if (out.data[i] <= 0) {
          gradient[i] = 0;
        }
      }
    }
    double[] logits = new double[in.channels];
    double[] hiddens = new double[operation.reduced()];
    double[] means = new double[in.channels];
    for (int n = 0; n < in.batch; n++) {
      for (int c = 0; c < in.channels; c++) {
        double sum = 0;
        int begin = in.offset(n, c);
        for (int i = begin; i < begin + in.plane; i++) {
          sum += gradient[i] * in.data[i];
        }
        double g = gate[n * in.channels + c];
        logits[c] = g * (1 - g) * sum;
      }
      backwardAffine(
          parameters.get(operation.expandWeight()),
          logits,
          hidden,
          n * hiddens.length,
          hiddens,
          parameters.gradient(operation.expandWeight()),
          parameters.gradient(operation.expandBias()));
      for (int r = 0; r < hiddens.length; r++) {
        if (hidden[n * hiddens.length + r] <= 0) {
          hiddens[r] = 0;
        }
      }
      backwardAffine(
          parameters.get(operation.reduceWeight()),
          hiddens,
          mean,
          n * in.channels,
          means,
          parameters.gradient(operation.reduceWeight()),
          parameters.gradient(operation.reduceBias()));
      if (workspace.wantsGradient(operation.input())) {
        backwardScale(n, means, gradient);
      }
    }
    if (operation.residual() != null && workspace.wantsGradient(operation.residual())) {
      double[] residualGradient = workspace.gradient(operation.residual()).data;
      for (int i = 0; i < gradient.length; i++) {
        residualGradient[i] += gradient[i];
      }
    }
  }

  private void backwardScale(int image, double[] means, double[] gradient) {
    double[] inputGradient = workspace.gradient(operation.input()).data;
    for (int c = 0; c < in.channels; c++) {
      int begin = in.offset(image, c);
      double factor = gate[image * in.channels + c];
      for (int i = begin; i < begin + in.plane; i++) {
        inputGradient[i] += factor * gradient[i] + means[c] / in.plane;
      }
    }
  }

  /** The gradients of {@link #affine}; those of the parameters are added to what is there. */
  private static void backwardAffine(
      double[] weight,
      double[] toGradient,
      double[] from,
      int fromBegin,
      double[] fromGradient,
      double @Nullable [] weightGradient,
      double @Nullable [] biasGradient) {
    int inputs = fromGradient.length;
    for (int i = 0; i < inputs; i++) {
      double sum = 0;
      for (int o = 0; o < toGradient.length; o++) {
        sum += weight[o * inputs + i] * toGradient[o];
      }
      fromGradient[i] = sum;
    }
    for (int o = 0; o < toGradient.length; o++) {
      if (biasGradient != null) {
        biasGradient[o] += toGradient[o];
      }
      for (int i = 0; weightGradient != null && i < inputs; i++) {
        weightGradient[o * inputs + i] += toGradient[o] * from[fromBegin + i];
      }
    }
  }
}
