package io.resfuse.engine.cuda.internal.library;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.platform.Settings;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;

/**
 * A library of plain loops on the host, by definition. They wait for the device, which a graph
 * cannot record: see {@link Settings#CUDA_SYNC}. Scratch memory is filled with NaN by each use.
 */
final class HostLoops implements Library {
  /** What each piece of work asks for. */
  static final int WORKSPACE = 4096;

  /** How often any of them went back through a convolution and a batch norm at once. */
  static final AtomicInteger waysBack = new AtomicInteger();

  private static final int RESERVE = 512;
  private static final float KEPT = 7;

  private final ElementType type;
  private final boolean fused;
  private final boolean folded;
  private final boolean withStatistics;
  private final AtomicInteger prepared = new AtomicInteger();

  /** What is done at once. */
  enum Kind {
    /** Convolutions and batch norms alone. */
    SEPARATE,
    /** Residual and ReLU, too. */
    FUSED,
    /** The same with scales that are in the weights. */
    FOLDED,
    /** Convolutions with statistics in training, and both at once on the way back. */
    WITH_STATISTICS
  }

  /**
   * Loops over tensors.
   *
   * @param type of the tensors
   * @param kind what they do at once
   */
  HostLoops(ElementType type, Kind kind) {
    this.type = type;
    this.fused = kind == Kind.FUSED || kind == Kind.FOLDED;
    this.folded = kind == Kind.FOLDED;
    this.withStatistics = kind == Kind.WITH_STATISTICS;
  }

  /** What was prepared and not yet closed. */
  int open() {
    return prepared.get();
  }

  @Override
  public boolean foldsScales() {
    return folded;
  }

  @Override
  public PreparedConvolution prepare(Convolution convolution) {
    prepared.incrementAndGet();
    return new PreparedConvolution() {
      @Override
      public boolean isFused() {
        return fused;
      }

      @Override
      public long workspaceBytes() {
        return WORKSPACE;
      }

      @Override
      public void run(Stream stream, Addresses at) {
        stream.synchronize("reading a convolution's input");
        double[] output = multiply(Product.OUTPUT, convolution, at.input(), at.weights(), 0);
        if (fused) {
          finish(convolution, output, at);
        }
        spoil(at.workspace());
        write(type, at.output(), output);
      }

      @Override
      public void close() {
        prepared.decrementAndGet();
      }
    };
  }

  private void finish(Convolution convolution, double[] output, PreparedConvolution.Addresses at) {
    double[] scale = read(ElementType.F32, at.scale(), convolution.outputs());
    if (!convolution.scaled()) {
      assertThat(scale).as("scales that are in the weights").containsOnly(1);
    }
    double[] bias = read(ElementType.F32, at.bias(), convolution.outputs());
    double[] residual = convolution.residual() ? read(type, at.residual(), output.length) : null;
    for (int i = 0; i < output.length; i++) {
      int channel = i % convolution.outputs();
      double value = output[i] * scale[channel] + bias[channel];
      value += residual == null ? 0 : residual[i];
      output[i] = convolution.relu() ? Math.max(0, value) : value;
    }
  }

  @Override
  public PreparedProduct prepare(Product product, Convolution convolution) {
    prepared.incrementAndGet();
    return new PreparedProduct() {
      @Override
      public long workspaceBytes() {
        return WORKSPACE;
      }

      @Override
      public void run(Stream stream, Tensors at, boolean accumulate) {
        stream.synchronize("reading a convolution's tensors");
        double[] result = multiply(product, convolution, at.input(), at.weights(), at.output());
        long target =
            switch (product) {
              case OUTPUT -> at.output();
              case INPUT_GRADIENT -> at.input();
              case WEIGHT_GRADIENT -> at.weights();
            };
        spoil(at.workspace());
        add(type, target, result, accumulate);
      }

      @Override
      public void close() {
        prepared.decrementAndGet();
      }
    };
  }

  /** One loop for all products: each term is a pixel of the input, a weight, one of the output. */
  private double[] multiply(
      Product product, Convolution sizes, long inputAt, long weightsAt, long outputAt) {
    Window window = sizes.window();
    int taps = window.kernel() * window.kernel();
    int groupChannels = sizes.channels() / sizes.groups();
    int groupOutputs = sizes.outputs() / sizes.groups();
    int rows = window.outputSize(sizes.height());
    int columns = window.outputSize(sizes.width());
    int inputs = sizes.images() * sizes.height() * sizes.width() * sizes.channels();
    int weightCount = sizes.outputs() * taps * groupChannels;
    int outputs = sizes.images() * rows * columns * sizes.outputs();
    double[] x =
        product == Product.INPUT_GRADIENT ? new double[inputs] : read(type, inputAt, inputs);
    double[] w =
        product == Product.WEIGHT_GRADIENT
            ? new double[weightCount]
            : read(type, weightsAt, weightCount);
    double[] y = product == Product.OUTPUT ? new double[outputs] : read(type, outputAt, outputs);
    for (int i = 0; i < outputs; i++) {
      int o = i % sizes.outputs();
      int column = i / sizes.outputs() % columns * window.stride() - window.padding();
      int row = i / sizes.outputs() / columns % rows * window.stride() - window.padding();
      int image = i / sizes.outputs() / columns / rows;
      int first = o / groupOutputs * groupChannels;
      for (int tap = 0; tap < taps; tap++) {
        int yy = row + tap / window.kernel() * window.dilation();
        int xx = column + tap % window.kernel() * window.dilation();
        if (yy < 0 || yy >= sizes.height() || xx < 0 || xx >= sizes.width()) {
          continue;
        }
        int pixel = ((image * sizes.height() + yy) * sizes.width() + xx) * sizes.channels() + first;
        int weight = (o * taps + tap) * groupChannels;
        switch (product) {
          case OUTPUT -> y[i] += dot(x, pixel, w, weight, groupChannels);
          case INPUT_GRADIENT -> addMultiple(y[i], w, weight, x, pixel, groupChannels);
          case WEIGHT_GRADIENT -> addMultiple(y[i], x, pixel, w, weight, groupChannels);
        }
      }
    }
    return switch (product) {
      case OUTPUT -> y;
      case INPUT_GRADIENT -> x;
      case WEIGHT_GRADIENT -> w;
    };
  }

  // Loops of their own, for the compiler to unroll; four sums, since one has to wait for itself.
  private static double dot(double[] a, int atA, double[] b, int atB, int count) {
    double s0 = 0;
    double s1 = 0;
    double s2 = 0;
    double s3 = 0;
    int c = 0;
    for (; c + 3 < count; c += 4) {
      s0 += a[atA + c] * b[atB + c];
      s1 += a[atA + c + 1] * b[atB + c + 1];
      s2 += a[atA + c + 2] * b[atB + c + 2];
      s3 += a[atA + c + 3] * b[atB + c + 3];
    }
    for (; c < count; c++) {
      s0 += a[atA + c] * b[atB + c];
    }
    return s0 + s1 + (s2 + s3);
  }

  private static void addMultiple(
      double factor, double[] from, int atFrom, double[] to, int atTo, int count) {
    for (int c = 0; c < count; c++) {
      to[atTo + c] += factor * from[atFrom + c];
    }
  }

  @Override
  public PreparedNorm prepare(BatchNorm norm) {
    prepared.incrementAndGet();
    return new Norm(norm);
  }

  @Override
  public Optional<PreparedStatistics> prepare(Convolution convolution, BatchNorm sizes) {
    if (!withStatistics) {
      return Optional.empty();
    }
    PreparedProduct product = prepare(Product.OUTPUT, convolution);
    Norm norm = new Norm(sizes);
    return Optional.of(
        new PreparedStatistics() {
          @Override
          public long workspaceBytes() {
            return product.workspaceBytes();
          }

          @Override
          public void run(Stream stream, Statistics at, Channels channels) {
            product.run(
                stream,
                new PreparedProduct.Tensors(at.input(), at.weights(), at.raw(), at.workspace()),
                false);
            norm.normalise(read(type, at.raw(), norm.elements), channels);
            norm.fold(at, channels);
          }

          @Override
          public void close() {
            product.close();
          }
        });
  }

  @Override
  public Optional<PreparedWayBack> prepareWayBack(Convolution convolution, BatchNorm sizes) {
    if (!withStatistics) {
      return Optional.empty();
    }
    prepared.incrementAndGet();
    Norm norm = new Norm(sizes);
    return Optional.of(
        new PreparedWayBack() {
          @Override
          public long workspaceBytes() {
            return WORKSPACE;
          }

          @Override
          public void run(Stream stream, WayBack at, Channels channels, boolean accumulate) {
            stream.synchronize("reading a gradient");
            waysBack.incrementAndGet();
            double[] gradient =
                multiply(Product.INPUT_GRADIENT, convolution, 0, at.weights(), at.outputGradient());
            norm.wayBack(gradient, at, channels, accumulate);
          }

          @Override
          public void close() {
            prepared.decrementAndGet();
          }
        });
  }

  /** A batch norm by its formulas; see {@code BatchNormalization} of the engine reference. */
  private final class Norm implements PreparedNorm {
    private final BatchNorm sizes;
    private final int rows;
    private final int channels;
    private final int elements;

    Norm(BatchNorm sizes) {
      this.sizes = sizes;
      this.rows = sizes.images() * sizes.height() * sizes.width();
      this.channels = sizes.channels();
      this.elements = rows * channels;
    }

    @Override
    public boolean isFused() {
      return fused;
    }

    @Override
    public long reserveBytes() {
      return RESERVE;
    }

    @Override
    public long forwardWorkspaceBytes() {
      return WORKSPACE;
    }

    @Override
    public long backwardWorkspaceBytes() {
      return WORKSPACE;
    }

    private double[] vector(long address) {
      return read(ElementType.F32, address, channels);
    }

    @Override
    public void forward(Stream stream, NormForward at, Channels vectors) {
      stream.synchronize("reading what is normalised");
      double[] raw = read(type, at.raw(), elements);
      normalise(raw, vectors);
      double[] gamma = vector(vectors.gamma());
      double[] beta = vector(vectors.beta());
      double[] mean = vector(vectors.mean());
      double[] inverse = vector(vectors.inverse());
      double[] residual = fused && sizes.residual() ? read(type, at.residual(), elements) : null;
      assertThat(at.residual() == 0).as("a residual that nobody takes").isEqualTo(residual == null);
      double[] output = new double[elements];
      for (int i = 0; i < elements; i++) {
        int c = i % channels;
        double value = (raw[i] - mean[c]) * inverse[c] * gamma[c] + beta[c];
        value += residual == null ? 0 : residual[i];
        output[i] = fused && sizes.relu() ? Math.max(0, value) : value;
      }
      spoil(at.workspace());
      fill(at.reserve(), RESERVE, KEPT);
      write(type, at.output(), output);
    }

    /** The statistics of what is normalised. */
    private void normalise(double[] raw, Channels vectors) {
      double[] mean = new double[channels];
      double[] variance = new double[channels];
      for (int i = 0; i < elements; i++) {
        mean[i % channels] += raw[i] / rows;
      }
      for (int i = 0; i < elements; i++) {
        variance[i % channels] += Math.pow(raw[i] - mean[i % channels], 2) / rows;
      }
      double[] runningMean = vector(vectors.runningMean());
      double[] runningVariance = vector(vectors.runningVariance());
      double[] inverse = new double[channels];
      for (int c = 0; c < channels; c++) {
        inverse[c] = 1 / Math.sqrt(variance[c] + sizes.epsilon());
        runningMean[c] += sizes.momentum() * (mean[c] - runningMean[c]);
        double unbiased = variance[c] * rows / (rows - 1);
        runningVariance[c] += sizes.momentum() * (unbiased - runningVariance[c]);
      }
      write(ElementType.F32, vectors.mean(), mean);
      write(ElementType.F32, vectors.inverse(), inverse);
      write(ElementType.F32, vectors.runningMean(), runningMean);
      write(ElementType.F32, vectors.runningVariance(), runningVariance);
    }

    /** Scale and bias of a batch whose statistics are there. */
    private void fold(PreparedStatistics.Statistics at, Channels vectors) {
      double[] gamma = vector(vectors.gamma());
      double[] beta = vector(vectors.beta());
      double[] mean = vector(vectors.mean());
      double[] inverse = vector(vectors.inverse());
      double[] scale = new double[channels];
      double[] bias = new double[channels];
      for (int c = 0; c < channels; c++) {
        scale[c] = gamma[c] * inverse[c];
        bias[c] = beta[c] - mean[c] * scale[c];
      }
      write(ElementType.F32, at.scale(), scale);
      write(ElementType.F32, at.bias(), bias);
    }

    @Override
    public void backward(Stream stream, NormBackward at, Channels vectors, boolean accumulate) {
      stream.synchronize("reading a gradient");
      assertThat(read(ElementType.F32, at.reserve(), RESERVE / Float.BYTES))
          .as("what was reserved")
          .containsOnly(KEPT);
      double[] raw = read(type, at.raw(), elements);
      double[] gradient = read(type, at.outputGradient(), elements);
      if (fused && sizes.relu()) {
        double[] output = read(type, at.output(), elements);
        for (int i = 0; i < elements; i++) {
          gradient[i] = output[i] > 0 ? gradient[i] : 0;
        }
      }
      double[] gamma = vector(vectors.gamma());
      double[] mean = vector(vectors.mean());
      double[] inverse = vector(vectors.inverse());
      double[] gammaGradient = new double[channels];
      double[] betaGradient = new double[channels];
      for (int i = 0; i < elements; i++) {
        int c = i % channels;
        gammaGradient[c] += gradient[i] * (raw[i] - mean[c]) * inverse[c];
        betaGradient[c] += gradient[i];
      }
      double[] result = new double[elements];
      for (int i = 0; i < elements; i++) {
        int c = i % channels;
        double normalised = (raw[i] - mean[c]) * inverse[c];
        double centred = gradient[i] - (betaGradient[c] + normalised * gammaGradient[c]) / rows;
        result[i] = gamma[c] * inverse[c] * centred;
      }
      spoil(at.workspace());
      write(type, at.rawGradient(), result);
      boolean passesOn = fused && sizes.residual();
      assertThat(at.residualGradient() != 0).as("a place for the residual's").isEqualTo(passesOn);
      if (passesOn) {
        write(type, at.residualGradient(), gradient);
      }
      add(ElementType.F32, at.gammaGradient(), gammaGradient, accumulate);
      add(ElementType.F32, at.betaGradient(), betaGradient, accumulate);
    }

    /** Masks the gradient of the result, and says how that of what was normalised follows. */
    private void wayBack(
        double[] gradient, PreparedWayBack.WayBack at, Channels vectors, boolean accumulate) {
      double[] raw = read(type, at.raw(), elements);
      double[] residual = sizes.residual() ? read(type, at.residual(), elements) : null;
      assertThat(at.residual() == 0).as("a residual that nobody takes").isEqualTo(residual == null);
      double[] gamma = vector(vectors.gamma());
      double[] beta = vector(vectors.beta());
      double[] mean = vector(vectors.mean());
      double[] inverse = vector(vectors.inverse());
      double[] gammaGradient = new double[channels];
      double[] betaGradient = new double[channels];
      for (int i = 0; i < elements; i++) {
        int c = i % channels;
        double normalised = (raw[i] - mean[c]) * inverse[c];
        double value = normalised * gamma[c] + beta[c] + (residual == null ? 0 : residual[i]);
        // As it was stored, so that what vanished there is masked here.
        gradient[i] = (float) value > 0 ? gradient[i] : 0;
        gammaGradient[c] += gradient[i] * normalised;
        betaGradient[c] += gradient[i];
      }
      double[] a = new double[channels];
      double[] b = new double[channels];
      double[] constant = new double[channels];
      for (int c = 0; c < channels; c++) {
        a[c] = gamma[c] * inverse[c];
        b[c] = -a[c] * inverse[c] * gammaGradient[c] / rows;
        constant[c] = -a[c] * betaGradient[c] / rows - b[c] * mean[c];
      }
      spoil(at.workspace());
      write(type, at.masked(), gradient);
      write(ElementType.F32, at.gradientScale(), a);
      write(ElementType.F32, at.rawScale(), b);
      write(ElementType.F32, at.constant(), constant);
      addWanted(at.gammaGradient(), gammaGradient, accumulate);
      addWanted(at.betaGradient(), betaGradient, accumulate);
    }

    private void addWanted(long address, double[] values, boolean accumulate) {
      if (address != 0) {
        add(ElementType.F32, address, values, accumulate);
      }
    }

    @Override
    public void close() {
      prepared.decrementAndGet();
    }
  }

  /** Scratch memory is that of whoever runs; nothing of it is left for others. */
  private static void spoil(long workspace) {
    fill(workspace, WORKSPACE, Float.NaN);
  }

  private static void fill(long address, int bytes, float value) {
    double[] values = new double[bytes / Float.BYTES];
    Arrays.fill(values, value);
    write(ElementType.F32, address, values);
  }

  private static void add(ElementType type, long address, double[] values, boolean accumulate) {
    if (accumulate) {
      double[] before = read(type, address, values.length);
      for (int i = 0; i < values.length; i++) {
        values[i] += before[i];
      }
    }
    write(type, address, values);
  }

  private static double[] read(ElementType type, long address, int elements) {
    ByteBuffer bytes = buffer(type, elements);
    assertThat(JCudaDriver.cuMemcpyDtoH(Pointer.to(bytes), at(address), bytes.capacity())).isZero();
    double[] values = new double[elements];
    for (int i = 0; i < elements; i++) {
      values[i] =
          switch (type) {
            case F32, TF32 -> bytes.getFloat(4 * i);
            case BF16 -> Float.intBitsToFloat(bytes.getShort(2 * i) << 16);
            case F16, U8 -> throw new IllegalArgumentException(type + " is not read here");
          };
    }
    return values;
  }

  private static void write(ElementType type, long address, double[] values) {
    ByteBuffer bytes = buffer(type, values.length);
    for (int i = 0; i < values.length; i++) {
      type.put(values[i], bytes, i);
    }
    assertThat(JCudaDriver.cuMemcpyHtoD(at(address), Pointer.to(bytes), bytes.capacity())).isZero();
  }

  private static ByteBuffer buffer(ElementType type, int elements) {
    return ByteBuffer.allocateDirect(elements * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static CUdeviceptr at(long address) {
    return new CUdeviceptr().withByteOffset(address);
  }
}
