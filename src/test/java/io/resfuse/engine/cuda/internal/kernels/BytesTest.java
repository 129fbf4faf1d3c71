package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Result;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What int8 does to bytes beside convolutions, against plain loops, bit for bit. */
@ExtendWith(SoftCudaExtension.class)
class BytesTest {
  private static final SplittableRandom RANDOM = new SplittableRandom(7);

  private static HostArray bytes(int elements) {
    return HostArray.filled(Format.U8, elements, i -> RANDOM.nextInt(256));
  }

  /** Numbers around those that are stored, ties and what saturates among them. */
  private static HostArray floats(int elements, Encoding encoding) {
    return HostArray.filled(
        Format.F32,
        elements,
        i ->
            RANDOM.nextInt(4) == 0
                ? (float) ((RANDOM.nextInt(-300, 300) + 0.5) * encoding.scale())
                : (float) (400 * (RANDOM.nextDouble() - 0.5) * encoding.scale()));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 128})
  void encodesAndDecodes(int zeroPoint) {
    Encoding encoding = new Encoding(zeroPoint == 0 ? 0.03125f : 0.0371f, zeroPoint);
    int elements = 16 * 131;
    HostArray floats = floats(elements, encoding);
    Result encoded =
        KernelHarness.run(
            "encode_u8",
            Geometry.linear(2, 256),
            Recode.class,
            memory ->
                new Recode(
                    memory.input(floats),
                    memory.output("bytes", Format.U8, elements),
                    elements,
                    encoding.inverse(),
                    zeroPoint));
    double[] expected = new double[elements];
    for (int i = 0; i < elements; i++) {
      expected[i] = encoding.encode((float) floats.values()[i]);
    }
    assertThat(encoded.get("bytes")).isEqualTo(expected);

    HostArray bytes = bytes(elements);
    Result decoded =
        KernelHarness.run(
            "decode_u8",
            Geometry.linear(2, 256),
            Recode.class,
            memory ->
                new Recode(
                    memory.input(bytes),
                    memory.output("floats", Format.F32, elements),
                    elements,
                    encoding.scale(),
                    zeroPoint));
    for (int i = 0; i < elements; i++) {
      expected[i] = encoding.decode((int) bytes.values()[i]);
    }
    assertThat(decoded.get("floats")).isEqualTo(expected);
  }

  /** Into tensors of the same size, and, at a pitch of 8, with a border of zero points. */
  @ParameterizedTest
  @CsvSource({
    "2, 3, 9, 7, false, false, 16, 0",
    "2, 3, 9, 7, true, false, 16, 0",
    "3, 1, 5, 5, false, false, 16, 0",
    "1, 20, 4, 6, false, false, 32, 0",
    "2, 3, 8, 5, true, true, 16, 0",
    "2, 3, 9, 7, false, false, 8, 3",
    "2, 4, 6, 5, true, true, 8, 1"
  })
  void encodesImages(
      int images,
      int channels,
      int height,
      int width,
      boolean channelsLast,
      boolean pixels,
      int pitch,
      int border) {
    Encoding encoding = new Encoding(0.0171f, 128);
    int plane = height * width;
    int tensorHeight = height + 2 * border;
    int tensorWidth = pitch == 8 ? (width + 2 * border + 1) / 2 * 2 : width;
    int elements = images * tensorHeight * tensorWidth * pitch;
    HostArray host =
        pixels ? bytes(images * channels * plane) : floats(images * channels * plane, encoding);
    HostArray scale =
        pixels ? HostArray.filled(Format.F32, channels, c -> (float) (0.017 + 0.001 * c)) : null;
    HostArray bias =
        pixels ? HostArray.filled(Format.F32, channels, c -> (float) (-2.1 + 0.1 * c)) : null;
    Result result =
        KernelHarness.run(
            "encodeImages_u8",
            Geometry.linear(2, 256),
            EncodeImages.class,
            memory ->
                new EncodeImages(
                    memory.input(host),
                    memory.output("tensor", Format.U8, elements),
                    memory.input(scale),
                    memory.input(bias),
                    images,
                    channels,
                    height,
                    width,
                    pitch,
                    tensorHeight,
                    tensorWidth,
                    border,
                    border,
                    channelsLast ? 1 : 0,
                    encoding.inverse(),
                    encoding.zeroPoint()));
    double[] given = host.values();
    double[] expected = new double[elements];
    Arrays.fill(expected, encoding.zeroPoint());
    for (int n = 0; n < images; n++) {
      for (int c = 0; c < channels; c++) {
        for (int i = 0; i < plane; i++) {
          int from = channelsLast ? (n * plane + i) * channels + c : (n * channels + c) * plane + i;
          float x = (float) given[from];
          if (pixels) {
            x = Math.fma(x, (float) scale.values()[c], (float) bias.values()[c]);
          }
          int row = n * tensorHeight + i / width + border;
          int at = row * tensorWidth + i % width + border;
          expected[at * pitch + c] = encoding.encode(x);
        }
      }
    }
    assertThat(result.get("tensor")).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "2, 14, 14, 64, 3, 2, 1, 4, 7",
    "1, 9, 11, 48, 3, 2, 1, 100, 4",
    "1, 7, 8, 80, 2, 2, 0, 2, 4",
    "2, 6, 5, 16, 3, 1, 1, 2, 3",
    "1, 8, 13, 16, 5, 3, 2, 1, 2",
    "1, 5, 6, 160, 1, 2, 0, 3, 3"
  })
  void maxPools(
      int images,
      int height,
      int width,
      int channels,
      int kernel,
      int stride,
      int padding,
      int rowsPerBlock,
      int columnsPerBlock) {
    int outputHeight = (height + 2 * padding - kernel) / stride + 1;
    int outputWidth = (width + 2 * padding - kernel) / stride + 1;
    int vectors = channels / 16;
    int x = Math.min(8, vectors);
    HostArray input = bytes(images * height * width * channels);
    Result result =
        KernelHarness.run(
            "maxPool_u8",
            new Geometry(
                Geometries.ceil(outputHeight, rowsPerBlock),
                (long) Geometries.ceil(outputWidth, columnsPerBlock) * Geometries.ceil(vectors, x),
                images,
                x,
                Math.min(columnsPerBlock, 2),
                0),
            MaxPool.class,
            memory ->
                new MaxPool(
                    memory.input(input),
                    0,
                    0,
                    memory.output(
                        "output", Format.U8, images * outputHeight * outputWidth * channels),
                    0,
                    images,
                    height,
                    width,
                    outputHeight,
                    outputWidth,
                    channels,
                    kernel,
                    stride,
                    padding,
                    0,
                    rowsPerBlock,
                    columnsPerBlock));
    double[] in = input.values();
    double[] expected = new double[images * outputHeight * outputWidth * channels];
    for (int i = 0; i < expected.length; i++) {
      int pixel = i / channels;
      int top = pixel / outputWidth % outputHeight * stride - padding;
      int left = pixel % outputWidth * stride - padding;
      for (int row = Math.max(top, 0); row < Math.min(top + kernel, height); row++) {
        for (int column = Math.max(left, 0); column < Math.min(left + kernel, width); column++) {
          int line = pixel / outputWidth / outputHeight * height + row;
          double value = in[(line * width + column) * channels + i % channels];
          expected[i] = Math.max(expected[i], value);
        }
      }
    }
    assertThat(result.get("output")).isEqualTo(expected);
  }

  /** Ties of halves, and squares that the image has only a part of. */
  @ParameterizedTest
  @CsvSource({"2, 8, 8, 32, 2", "1, 7, 9, 48, 2", "1, 7, 8, 16, 3", "2, 5, 5, 16, 4"})
  void averagesSquares(int images, int height, int width, int channels, int size) {
    int rows = Geometries.ceil(height, size);
    int columns = Geometries.ceil(width, size);
    HostArray input = bytes(images * height * width * channels);
    int rowVectors = columns * channels / 16;
    Result result =
        KernelHarness.run(
            "averageSquares_u8",
            new Geometry(Geometries.ceil(rowVectors, 32), rows, images, 32, 1, 0),
            AverageSquares.class,
            memory ->
                new AverageSquares(
                    memory.input(input),
                    memory.output("output", Format.U8, images * rows * columns * channels),
                    images,
                    height,
                    width,
                    channels,
                    size,
                    0));
    double[] in = input.values();
    double[] expected = new double[images * rows * columns * channels];
    for (int i = 0; i < expected.length; i++) {
      int square = i / channels;
      int top = square / columns % rows * size;
      int left = square % columns * size;
      double sum = 0;
      int count = 0;
      for (int row = top; row < Math.min(top + size, height); row++) {
        for (int column = left; column < Math.min(left + size, width); column++) {
          int line = square / columns / rows * height + row;
          sum += in[(line * width + column) * channels + i % channels];
          count++;
        }
      }
      expected[i] = Math.rint(sum / count);
    }
    assertThat(result.get("output")).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({"16, 32, 2, 8", "16, 48, 2, 16", "32, 32, 1, 0", "20, 48, 3, 5"})
  void subsamples(int valid, int outputChannels, int stride, int before) {
    int images = 2;
    int height = 7;
    int width = 6;
    int inputChannels = (valid + 15) / 16 * 16;
    int rows = Geometries.ceil(height, stride);
    int columns = Geometries.ceil(width, stride);
    HostArray input = bytes(images * height * width * inputChannels);
    int elements = images * rows * columns * outputChannels;
    Result result =
        KernelHarness.run(
            "subsampledIdentity_u8",
            Geometries.perChannel(Format.U8, images * rows * columns, outputChannels, 3),
            SubsampledIdentity.class,
            memory ->
                new SubsampledIdentity(
                    memory.input(input),
                    memory.output("output", Format.U8, elements),
                    images,
                    height,
                    width,
                    inputChannels,
                    rows,
                    columns,
                    outputChannels,
                    stride,
                    before,
                    valid,
                    0));
    double[] in = input.values();
    IntUnaryOperator expected =
        i -> {
          int channel = i % outputChannels - before;
          int pixel = i / outputChannels;
          int line = pixel / columns / rows * height + pixel / columns % rows * stride;
          return channel < 0 || channel >= valid
              ? 0
              : (int) in[(line * width + pixel % columns * stride) * inputChannels + channel];
        };
    for (int i = 0; i < elements; i++) {
      assertThat(result.get("output")[i]).as("%d", i).isEqualTo(expected.applyAsInt(i));
    }
  }

  @Test
  void findsBrokenImagesAndSpoilsTheirResults() {
    int images = 4;
    int elements = 3 * 31 * 7;
    double[] host = new double[images * elements];
    for (int i = 0; i < host.length; i++) {
      host[i] = i % 3 == 0 ? -Float.MAX_VALUE : i;
    }
    host[2 * elements - 1] = Double.NaN;
    host[3 * elements] = Double.NEGATIVE_INFINITY;
    Result found =
        KernelHarness.run(
            "brokenImages_u8",
            new Geometry(3, images, 1, 256, 1, 0),
            BrokenImages.class,
            memory ->
                new BrokenImages(
                    memory.input(HostArray.of(Format.F32, host)),
                    0,
                    memory.output("broken", Format.I32, 3 * images),
                    elements,
                    3));
    assertThat(found.get("broken")).containsExactly(0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0);
    Result spoilt =
        KernelHarness.run(
            "spoilImages_u8",
            new Geometry(2, images, 1, 256, 1, 0),
            BrokenImages.class,
            memory ->
                new BrokenImages(
                    0,
                    memory.inOut(
                        "results", HostArray.filled(Format.F32, images * elements, i -> i)),
                    memory.input(found.array("broken")),
                    elements,
                    3));
    for (int i = 0; i < images * elements; i++) {
      Double expected = i / elements % 2 == 1 ? Double.NaN : (double) i;
      assertThat(spoilt.get("results")[i]).isEqualTo(expected);
    }
  }
}
