package io.resfuse.engine;

import io.resfuse.tensor.Shape;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One step of a {@link NetworkSpec}, in the units that engines can fuse. Each writes one value,
 * once.
 */
public sealed interface Operation {
  /**
   * Its name, unique in the network.
   *
   * @return torchvision's name of the (first) layer it stands for
   */
  String name();

  /**
   * The values it reads.
   *
   * @return in the order of its definition
   */
  List<Value> inputs();

  /**
   * The value it writes.
   *
   * @return the only output
   */
  Value output();

  /**
   * The parameters it uses.
   *
   * @return trainable ones and running statistics
   */
  List<ParameterSpec> parameters();

  /**
   * The value from whose shape that of the output follows.
   *
   * @return the first input, but for a {@link BilinearResize}
   */
  default Value sizedBy() {
    return inputs().get(0);
  }

  /**
   * The shape of its output.
   *
   * @param input the shape of {@link #sizedBy}
   * @return (batch, channels, height, width) or (batch, channels)
   */
  Shape outputShape(Shape input);

  /**
   * The geometry of a square window that slides over an image.
   *
   * @param kernel rows and columns of the window
   * @param stride step in both directions
   * @param padding zeros (or, for pooling, nothing) around the image
   * @param dilation distance between the window's taps
   */
  record Window(int kernel, int stride, int padding, int dilation) {
    /**
     * Checks the ranges.
     *
     * @param kernel as in the record
     * @param stride as in the record
     * @param padding as in the record
     * @param dilation as in the record
     */
    public Window {
      if (kernel < 1 || stride < 1 || padding < 0 || dilation < 1) {
        throw new IllegalArgumentException(
            "a window needs kernel, stride and dilation of at least 1 and padding of at least 0, got "
                + kernel
                + ", "
                + stride
                + ", "
                + dilation
                + " and "
                + padding);
      }
    }

    /**
     * The output's size for an input's: floor((size + 2 padding - dilation (kernel - 1) - 1) /
     * stride) + 1.
     *
     * @param size rows or columns of the input
     * @return rows or columns of the output
     * @throws IllegalArgumentException if the window does not fit
     */
    public int outputSize(int size) {
      int span = size + 2 * padding - dilation * (kernel - 1) - 1;
      if (span < 0) {
        throw new IllegalArgumentException(
            "a window of "
                + kernel
                + " with dilation "
                + dilation
                + " and padding "
                + padding
                + " does not fit an image of "
                + size
                + " pixels; use a larger image");
      }
      return span / stride + 1;
    }

    private Shape outputShape(Shape input, int channels) {
      return Shape.of(
          input.dimension(0),
          channels,
          outputSize(input.dimension(2)),
          outputSize(input.dimension(3)));
    }
  }

  /**
   * Batch normalisation (Ioffe and Szegedy 2015): gamma (x - mean) / sqrt(variance + eps) + beta
   * per channel. In training the mean and the biased variance are those of the batch, and the
   * running statistics move by {@code running += momentum (batch - running)} with the unbiased
   * variance; in inference, and where a training plan freezes it, they are the running statistics.
   *
   * @param gamma scale
   * @param beta shift
   * @param mean running mean
   * @param variance running variance
   * @param epsilon added to the variance
   * @param momentum share of the new batch in the running statistics
   */
  record BatchNorm(
      ParameterSpec gamma,
      ParameterSpec beta,
      ParameterSpec mean,
      ParameterSpec variance,
      double epsilon,
      double momentum) {}

  /**
   * {@code output = relu(batchNorm(convolution(input, weight) + bias) + residual)}, each part but
   * the convolution optional.
   *
   * @param name unique name
   * @param input what is convolved
   * @param window geometry
   * @param groups groups of channels
   * @param weight (out, in / groups, kernel, kernel)
   * @param bias (out), or null
   * @param batchNorm after the bias, or null
   * @param residual added after the batch norm, of the output's shape, or null
   * @param relu whether max(0, x) ends it
   * @param output the result
   */
  record FusedConv(
      String name,
      Value input,
      Window window,
      int groups,
      ParameterSpec weight,
      @Nullable ParameterSpec bias,
      @Nullable BatchNorm batchNorm,
      @Nullable Value residual,
      boolean relu,
      Value output)
      implements Operation {
    @Override
    public List<Value> inputs() {
      return residual == null ? List.of(input) : List.of(input, residual);
    }

    @Override
    public List<ParameterSpec> parameters() {
      List<ParameterSpec> all = new java.util.ArrayList<>();
      all.add(weight);
      if (bias != null) {
        all.add(bias);
      }
      if (batchNorm != null) {
        all.addAll(List.of(batchNorm.gamma, batchNorm.beta, batchNorm.mean, batchNorm.variance));
      }
      return all;
    }

    @Override
    public Shape outputShape(Shape in) {
      return window.outputShape(in, output.channels());
    }
  }

  /**
   * The maximum over a window; padding never wins.
   *
   * @param name unique name
   * @param input what is pooled
   * @param window geometry, dilation 1
   * @param output the result, of the input's channels
   */
  record MaxPool(String name, Value input, Window window, Value output) implements Operation {
    @Override
    public List<Value> inputs() {
      return List.of(input);
    }

    @Override
    public List<ParameterSpec> parameters() {
      return List.of();
    }

    @Override
    public Shape outputShape(Shape in) {
      return window.outputShape(in, output.channels());
    }
  }

  /**
   * The parameter-free shortcut of He et al. 2015, option A: every stride-th pixel, with channels
   * of zeros before and after.
   *
   * @param name unique name
   * @param input what is subsampled
   * @param stride step in both directions
   * @param channelsBefore channels of zeros put before the input's; the rest goes after
   * @param output the result
   */
  record SubsampledIdentity(String name, Value input, int stride, int channelsBefore, Value output)
      implements Operation {
    @Override
    public List<Value> inputs() {
      return List.of(input);
    }

    @Override
    public List<ParameterSpec> parameters() {
      return List.of();
    }

    @Override
    public Shape outputShape(Shape in) {
      Window subsampling = new Window(1, stride, 0, 1);
      return subsampling.outputShape(in, output.channels());
    }
  }

  /**
   * The mean of each square of pixels, side by side from the first row and column on. Those at the
   * last row and column are cut at the border of the image, and are the mean of the pixels that
   * they have (PyTorch's {@code AvgPool2d(size, ceil_mode=True, count_include_pad=False)}).
   *
   * @param name unique name
   * @param input what is pooled
   * @param size rows and columns of a square
   * @param output the result, of the input's channels
   */
  record AveragePool(String name, Value input, int size, Value output) implements Operation {
    @Override
    public List<Value> inputs() {
      return List.of(input);
    }

    @Override
    public List<ParameterSpec> parameters() {
      return List.of();
    }

    @Override
    public Shape outputShape(Shape in) {
      Window everySize = new Window(1, size, 0, 1);
      return everySize.outputShape(in, output.channels());
    }
  }

  /**
   * Squeeze and excitation (Hu et al. 2017, arXiv 1709.01507, section 3), with the residual and the
   * ReLU of the block that it ends: each channel of each image is multiplied by a gate, which two
   * products make of the means of all channels,
   *
   * <pre>{@code
   * mean[n, c]   = mean over rows and columns of input[n, c]
   * hidden[n, r] = max(0, reduceBias[r] + sum over c of reduceWeight[r, c] mean[n, c])
   * gate[n, c]   = sigmoid(expandBias[c] + sum over r of expandWeight[c, r] hidden[n, r])
   * output       = relu(gate[n, c] input[n, c] + residual[n, c])
   * }</pre>
   *
   * where residual and ReLU are optional. Means, hidden values and gates, and their gradients, are
   * float32 in every precision (float64 in the reference engine), and so are the parameters as
   * these products read them.
   *
   * @param name unique name
   * @param input what is multiplied
   * @param reduceWeight (reduced, channels, 1, 1), torch's {@code fc1.weight}
   * @param reduceBias (reduced)
   * @param expandWeight (channels, reduced, 1, 1), torch's {@code fc2.weight}
   * @param expandBias (channels)
   * @param residual added after the multiplication, of the input's shape, or null
   * @param relu whether max(0, x) ends it
   * @param output the result, of the input's shape
   */
  record SqueezeExcite(
      String name,
      Value input,
      ParameterSpec reduceWeight,
      ParameterSpec reduceBias,
      ParameterSpec expandWeight,
      ParameterSpec expandBias,
      @Nullable Value residual,
      boolean relu,
      Value output)
      implements Operation {
    /**
     * The channels between the two products.
     *
     * @return at least 1
     */
    public int reduced() {
      return reduceWeight.shape().dimension(0);
    }

    @Override
    public List<Value> inputs() {
      return residual == null ? List.of(input) : List.of(input, residual);
    }

    @Override
    public List<ParameterSpec> parameters() {
      return List.of(reduceWeight, reduceBias, expandWeight, expandBias);
    }

    @Override
    public Shape outputShape(Shape in) {
      return in;
    }
  }

  /**
   * The same value in another {@link Encoding}, or as float32: what {@link QuantizedNetwork} puts
   * between operations that store integers and those that do not. No other network has it.
   *
   * @param name unique name
   * @param input what is converted
   * @param output the result, of the input's shape
   */
  record Convert(String name, Value input, Value output) implements Operation {
    @Override
    public List<Value> inputs() {
      return List.of(input);
    }

    @Override
    public List<ParameterSpec> parameters() {
      return List.of();
    }

    @Override
    public Shape outputShape(Shape in) {
      return in;
    }
  }

  /**
   * An image brought to the rows and columns of another by bilinear interpolation between the
   * centres of pixels (PyTorch's {@code interpolate(mode="bilinear", align_corners=False)}, without
   * antialiasing). With h rows in and H rows out, row Y lies between rows y and y + 1 of the input,
   *
   * <pre>{@code
   * s = max(0, (Y + 0.5) h / H - 0.5)
   * y = floor(s), and the share of row y + 1 is s - y
   * }</pre>
   *
   * where the last row stands for the one behind it; columns likewise. Each pixel is the sum of
   * four by the products of their shares. An image of one pixel is spread over all.
   *
   * @param name unique name
   * @param input what is resized
   * @param like whose rows and columns the output has: the network's image, or a value that leads
   *     to {@code input}. Its elements are not read
   * @param output the result, of the input's channels
   */
  record BilinearResize(String name, Value input, Value like, Value output) implements Operation {
    @Override
    public List<Value> inputs() {
      return List.of(input);
    }

    @Override
    public List<ParameterSpec> parameters() {
      return List.of();
    }

    @Override
    public Value sizedBy() {
      return like;
    }

    @Override
    public Shape outputShape(Shape in) {
      return output.shape(in.dimension(0), in.dimension(2), in.dimension(3));
    }
  }

  /**
   * The channels of several images of the same size, one image's after the other's.
   *
   * @param name unique name
   * @param inputs at least two, different ones
   * @param output the result, of as many channels as all inputs have together
   */
  record Concat(String name, List<Value> inputs, Value output) implements Operation {
    /**
     * Copies the list.
     *
     * @param name as in the record
     * @param inputs as in the record
     * @param output as in the record
     */
    public Concat {
      inputs = List.copyOf(inputs);
    }

    /**
     * Where an input's channels begin in the output.
     *
     * @param index of the input
     * @return channels before it
     */
    public int channelsBefore(int index) {
      int before = 0;
      for (Value input : inputs.subList(0, index)) {
        before += input.channels();
      }
      return before;
    }

    @Override
    public List<ParameterSpec> parameters() {
      return List.of();
    }

    @Override
    public Shape outputShape(Shape in) {
      return output.shape(in.dimension(0), in.dimension(2), in.dimension(3));
    }
  }

  /**
   * The mean over rows and columns.
   *
   * @param name unique name
   * @param input (batch, channels, height, width)
   * @param output (batch, channels), or (batch, channels, 1, 1) if it is not flat
   */
  record GlobalAveragePool(String name, Value input, Value output) implements Operation {
    @Override
    public List<Value> inputs() {
      return List.of(input);
    }

    @Override
    public List<ParameterSpec> parameters() {
      return List.of();
    }

    @Override
    public Shape outputShape(Shape in) {
      return output.shape(in.dimension(0), 1, 1);
    }
  }

  /**
   * {@code output = input weight^T + bias}.
   *
   * @param name unique name
   * @param input (batch, in)
   * @param weight (out, in)
   * @param bias (out)
   * @param output (batch, out)
   */
  record Linear(String name, Value input, ParameterSpec weight, ParameterSpec bias, Value output)
      implements Operation {
    @Override
    public List<Value> inputs() {
      return List.of(input);
    }

    @Override
    public List<ParameterSpec> parameters() {
      return List.of(weight, bias);
    }

    @Override
    public Shape outputShape(Shape in) {
      return Shape.of(in.dimension(0), output.channels());
    }
  }
}
