package io.resfuse.engine.onednn;

import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import org.jspecify.annotations.Nullable;

/**
 * {@link Gate} where the kernels of {@code native/cpu} are not: the formulas of its {@code gate.h}
 * in plain loops on one thread, sums in float64. Not thread-safe.
 */
final class GateLoops {
  private final Gate gate;
  private final Elements x;
  private final @Nullable Elements residual;
  private final @Nullable Elements out;
  private final @Nullable Elements gradient;
  private final @Nullable Elements inputGradient;
  private final Product reduce;
  private final Product expand;
  private final FloatBuffer mean;
  private final FloatBuffer hidden;
  private final FloatBuffer gates;

  /**
   * Finds the buffers.
   *
   * @param state address of what lies between the products
   */
  GateLoops(Gate gate, Gate.Tensors tensors, Gate.Weights weights, long state) {
    this.gate = gate;
    this.x = present(tensors.x());
    this.residual = elements(tensors.residual());
    this.out = elements(tensors.out());
    this.gradient = elements(tensors.gradient());
    this.inputGradient = elements(tensors.inputGradient());
    int channels = gate.channels();
    int reduced = gate.reduced();
    this.reduce = Product.of(weights.reduceWeight(), weights.reduceBias(), channels, reduced);
    this.expand = Product.of(weights.expandWeight(), weights.expandBias(), reduced, channels);
    this.mean = NativeMemory.floatsAt(state, (long) gate.images() * channels);
    this.hidden = NativeMemory.floatsAt(gate.hidden(state), (long) gate.images() * reduced);
    this.gates = NativeMemory.floatsAt(gate.gate(state), (long) gate.images() * channels);
  }

  private Elements present(long address) {
    int count = Math.multiplyExact(gate.images() * gate.channels(), gate.pixels());
    return gate.type() == Dnnl.F32
        ? new Floats(NativeMemory.floatsAt(address, count))
        : new Bfloats(NativeMemory.shortsAt(address, count));
  }

  private @Nullable Elements elements(long address) {
    return address == 0 ? null : present(address);
  }

  /** A tensor of either type. */
  private sealed interface Elements permits Floats, Bfloats {
    float get(int index);

    void put(int index, float value);
  }

  private record Floats(FloatBuffer buffer) implements Elements {
    @Override
    public float get(int index) {
      return buffer.get(index);
    }

    @Override
    public void put(int index, float value) {
      buffer.put(index, value);
    }
  }

  /** bfloat16 is the upper half of a float; rounded to nearest, ties to even. */
  private record Bfloats(ShortBuffer buffer) implements Elements {
    @Override
    public float get(int index) {
      return Float.intBitsToFloat(buffer.get(index) << 16);
    }

    @Override
    public void put(int index, float value) {
      int bits = Float.floatToRawIntBits(value);
      int rounded = (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
      buffer.put(index, (short) (Float.isNaN(value) ? (bits >>> 16) | 0x40 : rounded));
    }
  }

  /** {@code to = weight from + bias}. Also of gradients, which lie as parameters do; 0 for none. */
  record Product(
      @Nullable FloatBuffer weight, @Nullable FloatBuffer bias, int inputs, int outputs) {
    static Product of(long weight, long bias, int inputs, int outputs) {
      return new Product(
          weight == 0 ? null : NativeMemory.floatsAt(weight, (long) inputs * outputs),
          bias == 0 ? null : NativeMemory.floatsAt(bias, outputs),
          inputs,
          outputs);
    }

    private float forward(FloatBuffer from, int image, int output) {
      double sum = bias.get(output);
      for (int i = 0; i < inputs; i++) {
        sum += (double) weight.get(output * inputs + i) * from.get(image * inputs + i);
      }
      return (float) sum;
    }

    /** The gradient of an input, of that of the results. */
    private double backward(FloatBuffer gradients, int image, int input) {
      double sum = 0;
      for (int o = 0; o < outputs; o++) {
        sum += (double) weight.get(o * inputs + input) * gradients.get(image * outputs + o);
      }
      return sum;
    }

    /** Takes the gradients of the parameters. */
    private void take(FloatBuffer from, FloatBuffer gradients, int images, boolean accumulate) {
      for (int o = 0; o < outputs; o++) {
        if (bias != null) {
          double sum = accumulate ? bias.get(o) : 0;
          for (int n = 0; n < images; n++) {
            sum += gradients.get(n * outputs + o);
          }
          bias.put(o, (float) sum);
        }
        for (int i = 0; weight != null && i < inputs; i++) {
          double sum = accumulate ? weight.get(o * inputs + i) : 0;
          for (int n = 0; n < images; n++) {
            sum += (double) gradients.get(n * outputs + o) * from.get(n * inputs + i);
          }
          weight.put(o * inputs + i, (float) sum);
        }
      }
    }
  }

  /** Where a pixel of a channel is. */
  private int index(int image, int channel, int pixel) {
    int together = gate.block() == 0 ? gate.channels() : gate.block();
    int block = image * (gate.channels() / together) + channel / together;
    return (block * gate.pixels() + pixel) * together + channel % together;
  }

  void forward() {
    for (int n = 0; n < gate.images(); n++) {
      int first = n * gate.channels();
      for (int c = 0; c < gate.channels(); c++) {
        double sum = 0;
        for (int p = 0; p < gate.pixels(); p++) {
          sum += x.get(index(n, c, p));
        }
        mean.put(first + c, (float) (sum / gate.pixels()));
      }
      for (int r = 0; r < gate.reduced(); r++) {
        hidden.put(n * gate.reduced() + r, Math.max(0, reduce.forward(mean, n, r)));
      }
      for (int c = 0; c < gate.channels(); c++) {
        float factor = (float) (1 / (1 + Math.exp(-expand.forward(hidden, n, c))));
        gates.put(first + c, factor);
        for (int p = 0; p < gate.pixels(); p++) {
          int at = index(n, c, p);
          float z = factor * x.get(at) + (residual == null ? 0 : residual.get(at));
          out.put(at, gate.relu() ? Math.max(0, z) : z);
        }
      }
    }
  }

  /**
   * The gradients.
   *
   * @param dmean takes those of the means
   * @param dhidden takes those of the hidden values
   * @param dlogit takes those of what the sigmoid is of
   * @param dreduce where those of the first product's parameters go
   * @param dexpand where those of the second's go
   * @param accumulate whether they are added to what is there
   */
  void backward(
      FloatBuffer dmean,
      FloatBuffer dhidden,
      FloatBuffer dlogit,
      Product dreduce,
      Product dexpand,
      boolean accumulate) {
    for (int n = 0; n < gate.images(); n++) {
      int first = n * gate.channels();
      for (int c = 0; c < gate.channels(); c++) {
        double sum = 0;
        for (int p = 0; p < gate.pixels(); p++) {
          int at = index(n, c, p);
          if (gate.relu() && !(out.get(at) > 0)) {
            gradient.put(at, 0);
          }
          sum += (double) gradient.get(at) * x.get(at);
        }
        double factor = gates.get(first + c);
        dlogit.put(first + c, (float) (factor * (1 - factor) * sum));
      }
      for (int r = 0; r < gate.reduced(); r++) {
        int at = n * gate.reduced() + r;
        dhidden.put(at, hidden.get(at) > 0 ? (float) expand.backward(dlogit, n, r) : 0);
      }
      for (int c = 0; c < gate.channels(); c++) {
        float shift = (float) (reduce.backward(dhidden, n, c) / gate.pixels());
        dmean.put(first + c, shift);
        for (int p = 0; inputGradient != null && p < gate.pixels(); p++) {
          int at = index(n, c, p);
          inputGradient.put(at, gates.get(first + c) * gradient.get(at) + shift);
        }
      }
    }
    dexpand.take(hidden, dlogit, gate.images(), accumulate);
    dreduce.take(mean, dhidden, gate.images(), accumulate);
  }
}
