package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.driver.StructLayout;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Counters;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Memory;
import io.resfuse.engine.cuda.internal.kernels.KernelHarness.Result;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What the kernels between convolutions move, by softcuda's counters, for layers of ResNets: every
 * sector of 32 bytes that a warp asks for counts, whether a cache has it or not. That is held
 * against the bytes of the arrays: inputs once, outputs once. The table is written to {@code
 * target/kernel-traffic.txt}.
 */
@ExtendWith(SoftCudaExtension.class)
class KernelTrafficTest {
  private static final double MOST_TRAFFIC = 1.05;
  private static final double MOST_CONFLICTS = 1.02;
  private static final List<String> TABLE = new ArrayList<>();

  /**
   * One launch.
   *
   * @param fewestBytes that must move; 0: those of all arrays
   */
  record Case<P extends Record>(
      String kernel,
      String layer,
      Geometry geometry,
      Class<P> type,
      Function<Memory, P> parameters,
      long fewestBytes) {
    Result count() {
      return KernelHarness.count(kernel, geometry, type, parameters);
    }

    @Override
    public String toString() {
      return kernel + ", " + layer;
    }
  }

  private static HostArray zeros(Format format, int elements) {
    return new HostArray(format, ByteBuffer.allocateDirect(format.bytes() * elements));
  }

  private static HostArray floats(int elements) {
    return zeros(Format.F32, elements);
  }

  static Stream<Case<?>> cases() {
    List<Case<?>> cases = new ArrayList<>();
    for (Format format : Format.STORAGE) {
      for (int[] size : new int[][] {{4 * 56 * 56, 64}, {2 * 28 * 28, 512}, {16 * 49, 2048}}) {
        batchNorm(cases, format, size[0], size[1]);
      }
      batchNorm(cases, format, 16 * 32 * 32, 16);
      pooling(cases, format);
      shortcut(cases, format);
      layout(cases, format);
      loss(cases, format);
      maps(cases, format);
      optimizer(cases, format);
    }
    withoutType(cases);
    return cases.stream();
  }

  private static void batchNorm(List<Case<?>> cases, Format format, int rows, int channels) {
    String layer = rows + " rows of " + channels;
    int elements = rows * channels;
    Geometry fitting = Geometries.perChannel(format, rows, channels, Integer.MAX_VALUE);
    Geometry geometry =
        new Geometry(
            Geometries.ceil(rows, 128), fitting.gridY(), 1, fitting.blockX(), fitting.blockY(), 0);
    HostArray tensor = zeros(format, elements);
    HostArray coefficients = floats(channels);
    for (int residual = 0; residual < 3; residual++) {
      boolean plain = residual > 0;
      boolean scaled = residual > 1;
      cases.add(
          new Case<>(
              "batchNormApply_" + format.suffix(),
              layer + (scaled ? ", scaled residual" : plain ? ", residual" : ""),
              geometry,
              BatchNormApply.class,
              memory ->
                  new BatchNormApply(
                      memory.input(tensor),
                      memory.input(coefficients),
                      memory.input(coefficients),
                      memory.input(plain ? tensor : null),
                      memory.input(scaled ? coefficients : null),
                      memory.input(scaled ? coefficients : null),
                      memory.output("output", format, elements),
                      plain ? memory.output("bits", Format.U8, elements / format.perVector()) : 0,
                      rows,
                      channels,
                      1),
              0));
    }
    HostArray bits = HostArray.filled(Format.U8, elements / format.perVector(), i -> 0);
    for (int mask : new int[] {0, 2, 3}) {
      boolean byBits = mask == 3;
      boolean input = mask == 2;
      int which = mask;
      int rowsPerBlock = 392;
      int blocks = Geometries.ceil(rows, rowsPerBlock);
      cases.add(
          new Case<>(
              "batchNormBackwardReduce_" + format.suffix(),
              layer + ", mask " + mask,
              new Geometry(blocks, fitting.gridY(), 1, fitting.blockX(), fitting.blockY(), 0),
              BatchNormBackwardReduce.class,
              memory ->
                  new BatchNormBackwardReduce(
                      memory.input(tensor),
                      memory.input(tensor),
                      memory.input(byBits ? bits : null),
                      memory.input(coefficients),
                      memory.input(coefficients),
                      memory.input(input ? coefficients : null),
                      memory.input(input ? coefficients : null),
                      memory.output("partials", Format.F32, blocks * 2 * channels),
                      rows,
                      channels,
                      rowsPerBlock,
                      which),
              0));
      cases.add(
          new Case<>(
              "batchNormBackwardApply_" + format.suffix(),
              layer + ", mask " + mask,
              geometry,
              BatchNormBackwardApply.class,
              memory ->
                  new BatchNormBackwardApply(
                      memory.input(tensor),
                      memory.input(tensor),
                      0,
                      memory.input(byBits ? bits : null),
                      memory.input(coefficients),
                      memory.input(coefficients),
                      memory.input(coefficients),
                      memory.input(coefficients),
                      memory.input(input ? coefficients : null),
                      memory.input(input ? coefficients : null),
                      memory.output("inputGradient", format, elements),
                      which == 0 ? 0 : memory.output("masked", format, elements),
                      rows,
                      channels,
                      which),
              0));
    }
    cases.add(
        new Case<>(
            "batchNormBackwardApplyBoth_" + format.suffix(),
            layer,
            geometry,
            BatchNormBackwardApplyBoth.class,
            memory ->
                new BatchNormBackwardApplyBoth(
                    memory.input(tensor),
                    memory.input(tensor),
                    memory.input(tensor),
                    memory.input(coefficients),
                    memory.input(coefficients),
                    memory.input(coefficients),
                    memory.input(coefficients),
                    memory.input(coefficients),
                    memory.input(coefficients),
                    memory.input(coefficients),
                    memory.input(coefficients),
                    memory.output("inputGradient", format, elements),
                    memory.output("addedInputGradient", format, elements),
                    rows,
                    channels),
            0));
  }

  private static void pooling(List<Case<?>> cases, Format format) {
    int channels = 64;
    int vectors = channels / format.perVector();
    int in = 2 * 112 * 112 * channels;
    int out = 2 * 56 * 56 * channels;
    HostArray large = zeros(format, in);
    HostArray small = zeros(format, out);
    HostArray index = zeros(Format.U8, out);
    HostArray coefficients = floats(channels);
    for (boolean normalised : new boolean[] {false, true}) {
      cases.add(
          new Case<>(
              "maxPool_" + format.suffix(),
              "stem" + (normalised ? ", normalising" : ""),
              new Geometry(2, vectors / 8, 2, 8, 56, 3 * 113 * 8 * 16),
              MaxPool.class,
              memory ->
                  new MaxPool(
                      memory.input(large),
                      memory.input(normalised ? coefficients : null),
                      memory.input(normalised ? coefficients : null),
                      memory.output("output", format, out),
                      memory.output("index", Format.U8, out),
                      2,
                      112,
                      112,
                      56,
                      56,
                      channels,
                      3,
                      2,
                      1,
                      1,
                      28,
                      56),
              0));
    }
    cases.add(
        new Case<>(
            "maxPoolBackward_" + format.suffix(),
            "stem",
            new Geometry(2, vectors / 8, 2, 8, 56, 2 * 58 * 8 * (16 + format.perVector())),
            MaxPoolBackward.class,
            memory ->
                new MaxPoolBackward(
                    memory.input(small),
                    memory.input(index),
                    memory.output("inputGradient", format, in),
                    2,
                    112,
                    112,
                    56,
                    56,
                    channels,
                    3,
                    2,
                    1,
                    0,
                    56,
                    112),
            0));
    for (boolean backward : new boolean[] {false, true}) {
      int elements = 4 * 28 * 28 * 256;
      cases.add(
          new Case<>(
              (backward ? "averageSquaresBackward_" : "averageSquares_") + format.suffix(),
              "shortcut",
              new Geometry(14 * 256 / format.perVector() / 32, 14, 4, 32, 1, 0),
              AverageSquares.class,
              memory ->
                  new AverageSquares(
                      memory.input(zeros(format, backward ? elements / 4 : elements)),
                      memory.output("output", format, backward ? elements : elements / 4),
                      4,
                      28,
                      28,
                      256,
                      2,
                      0),
              0));
    }
    for (boolean backward : new boolean[] {false, true}) {
      cases.add(
          new Case<>(
              (backward ? "gateSqueezeBackward_" : "gateSqueeze_") + format.suffix(),
              "block",
              new Geometry(256 / format.perVector() / 32, 4, 3, 32, 8, 0),
              GateSqueeze.class,
              memory ->
                  new GateSqueeze(
                      memory.input(zeros(format, 4 * 784 * 256)),
                      backward ? memory.input(zeros(format, 4 * 784 * 256)) : 0,
                      backward ? memory.inOut("gradient", zeros(format, 4 * 784 * 256)) : 0,
                      memory.output("partials", Format.F32, 3 * 4 * 256),
                      4,
                      784,
                      256,
                      262),
              0));
    }
    cases.add(
        new Case<>(
            "gateScale_" + format.suffix(),
            "block",
            new Geometry(256 / format.perVector() / 32, 4, 13, 32, 8, 0),
            GateScale.class,
            memory ->
                new GateScale(
                    memory.input(zeros(format, 4 * 784 * 256)),
                    memory.input(zeros(Format.F32, 4 * 256)),
                    0,
                    memory.input(zeros(format, 4 * 784 * 256)),
                    memory.output("output", format, 4 * 784 * 256),
                    4,
                    784,
                    256,
                    64,
                    1),
            0));
    int images = 4;
    int pixels = 49;
    int wide = 2048;
    Geometry geometry = new Geometry(wide / format.perVector() / 32, images, 1, 32, 8, 0);
    HostArray pooled = zeros(format, images * wide);
    HostArray unpooled = zeros(format, images * pixels * wide);
    cases.add(
        new Case<>(
            "averagePool_" + format.suffix(),
            "head",
            geometry,
            AveragePool.class,
            memory ->
                new AveragePool(
                    memory.input(unpooled),
                    memory.output("output", format, images * wide),
                    images,
                    pixels,
                    wide,
                    0),
            0));
    cases.add(
        new Case<>(
            "averagePoolBackward_" + format.suffix(),
            "head",
            geometry,
            AveragePool.class,
            memory ->
                new AveragePool(
                    memory.input(pooled),
                    memory.output("output", format, images * pixels * wide),
                    images,
                    pixels,
                    wide,
                    0),
            0));
  }

  private static void shortcut(List<Case<?>> cases, Format format) {
    int images = 16;
    int in = images * 32 * 32 * 16;
    int out = images * 16 * 16 * 32;
    cases.add(
        new Case<>(
            "subsampledIdentity_" + format.suffix(),
            "16 to 32 channels",
            Geometries.perChannel(format, images * 16 * 16, 32, 100),
            SubsampledIdentity.class,
            memory ->
                new SubsampledIdentity(
                    memory.input(zeros(format, in)),
                    memory.output("output", format, out),
                    images,
                    32,
                    32,
                    16,
                    16,
                    16,
                    32,
                    2,
                    8,
                    16,
                    0),
            (in / 4 + (long) out) * format.bytes()));
    for (int accumulate = 0; accumulate < 2; accumulate++) {
      int add = accumulate;
      // Half of a gradient's channels go back; accumulating reads and writes a quarter of the
      // pixels.
      int elements = out / 2 + (add == 1 ? 2 * in / 4 : in);
      cases.add(
          new Case<>(
              "subsampledIdentityBackward_" + format.suffix(),
              "16 to 32 channels" + (add == 1 ? ", accumulating" : ""),
              Geometries.perChannel(format, images * 32 * 32, 16, 100),
              SubsampledIdentity.class,
              memory ->
                  new SubsampledIdentity(
                      memory.input(zeros(format, out)),
                      add == 1
                          ? memory.inOut("output", zeros(format, in))
                          : memory.output("output", format, in),
                      images,
                      32,
                      32,
                      16,
                      16,
                      16,
                      32,
                      2,
                      format.bytes() == 2 ? 0 : 8,
                      16,
                      add),
              (long) elements * format.bytes()));
    }
  }

  private static void layout(List<Case<?>> cases, Format format) {
    for (int last = 0; last < 2; last++) {
      int channelsLast = last;
      String order = last == 1 ? ", NHWC" : ", NCHW";
      int host = 2 * 3 * 224 * 224;
      int tensor = 2 * 230 * 232 * 4;
      Geometry images = Geometry.linear(230, 256);
      cases.add(
          new Case<>(
              "packFloats_" + format.suffix(),
              "images" + order,
              images,
              Pack.class,
              memory ->
                  new Pack(
                      memory.input(floats(host)),
                      memory.output("tensor", format, tensor),
                      0,
                      0,
                      2,
                      3,
                      224,
                      224,
                      4,
                      230,
                      232,
                      3,
                      3,
                      channelsLast,
                      0),
              0));
      cases.add(
          new Case<>(
              "packBytes_" + format.suffix(),
              "images" + order,
              images,
              Pack.class,
              memory ->
                  new Pack(
                      memory.input(zeros(Format.U8, host)),
                      memory.output("tensor", format, tensor),
                      memory.input(floats(3)),
                      memory.input(floats(3)),
                      2,
                      3,
                      224,
                      224,
                      4,
                      230,
                      232,
                      3,
                      3,
                      channelsLast,
                      0),
              0));
      cases.add(
          new Case<>(
              "packFloats_" + format.suffix(),
              "256 channels" + order,
              Geometry.linear(100, 256),
              Pack.class,
              memory ->
                  new Pack(
                      memory.input(floats(2 * 28 * 28 * 256)),
                      memory.output("tensor", format, 2 * 28 * 28 * 256),
                      0,
                      0,
                      2,
                      256,
                      28,
                      28,
                      256,
                      28,
                      28,
                      0,
                      0,
                      channelsLast,
                      0),
              0));
      cases.add(
          new Case<>(
              "unpack_" + format.suffix(),
              "256 channels" + order,
              Geometry.linear(100, 256),
              Unpack.class,
              memory ->
                  new Unpack(
                      memory.input(zeros(format, 2 * 28 * 28 * 256)),
                      memory.output("host", Format.F32, 2 * 28 * 28 * 256),
                      2,
                      256,
                      28,
                      28,
                      256,
                      channelsLast),
              0));
    }
    cases.add(
        new Case<>(
            "unpack_" + format.suffix(),
            "1000 logits",
            Geometry.linear(100, 256),
            Unpack.class,
            memory ->
                new Unpack(
                    memory.input(zeros(format, 64 * 1000)),
                    memory.output("host", Format.F32, 64 * 1000),
                    64,
                    1000,
                    1,
                    1,
                    1000,
                    0),
            0));
    cases.add(
        new Case<>(
            "cast_" + format.suffix(),
            "512 x 512 weights",
            Geometry.linear(64, 256),
            Cast.class,
            memory ->
                new Cast(
                    memory.input(floats(512 * 512)),
                    memory.output("stored", format, 512 * 512),
                    512 * 512),
            0));
    int edge = 128 / format.bytes();
    cases.add(
        new Case<>(
            "transposeWeights_" + format.suffix(),
            "3 x 3, 128 to 256",
            new Geometry(128L / edge * 256 / edge, 9, 1, 256, 1, 0),
            TransposeWeights.class,
            memory ->
                new TransposeWeights(
                    memory.input(zeros(format, 256 * 9 * 128)),
                    memory.output("transposed", format, 256 * 9 * 128),
                    1,
                    256,
                    9,
                    128),
            0));
  }

  private static void loss(List<Case<?>> cases, Format format) {
    for (boolean targets : new boolean[] {false, true}) {
      cases.add(
          new Case<>(
              "softmaxCrossEntropy_" + format.suffix(),
              "1000 classes" + (targets ? ", targets" : ""),
              Geometry.linear(32, 256),
              SoftmaxCrossEntropy.class,
              memory ->
                  new SoftmaxCrossEntropy(
                      memory.input(zeros(format, 32 * 1024)),
                      memory.input(targets ? null : zeros(Format.I32, 32)),
                      memory.input(targets ? floats(32 * 1000) : null),
                      memory.output("loss", Format.F32, 32),
                      memory.output("gradient", Format.F32, 32 * 1000),
                      32,
                      1000,
                      1024,
                      0.1f,
                      1 / 32f),
              0));
    }
  }

  private static final int SMALL = 16;
  private static final int LARGE = 64;

  /** Maps of 24 channels, 4 times larger; four channels side by side; losses of 21 classes. */
  private static void maps(List<Case<?>> cases, Format format) {
    int vectors = 24 / format.perVector();
    int small = SMALL * SMALL * 24;
    int large = LARGE * LARGE * 24;
    cases.add(
        resize(
            format,
            "bilinearResize_",
            new Geometry(Geometries.ceil(LARGE * vectors, 192), LARGE, 1, 192, 1, 0),
            small,
            large,
            // Of the four pixels that each needs, neighbours read most at once.
            5L * large * format.bytes() / 2));
    int x = Math.min(8, vectors);
    cases.add(
        resize(
            format,
            "bilinearResizeBackward_",
            new Geometry(SMALL * SMALL, Geometries.ceil(vectors, x), 1, x, 20, 0),
            large,
            small,
            (24L * sharing() * sharing() + small) * format.bytes()));
    copy(cases, format, 0, 64, 256);
    copy(cases, format, 64, 0, 64);
    for (int channelsLast = 0; channelsLast < 2; channelsLast++) {
      int last = channelsLast;
      cases.add(
          new Case<>(
              "pixelCrossEntropy_" + format.suffix(),
              "21 classes" + (last == 1 ? ", channels last" : ""),
              new Geometry(64, 1, 1, 128, 1, 128 * 21 * 4),
              PixelCrossEntropy.class,
              memory ->
                  new PixelCrossEntropy(
                      memory.input(zeros(format, 64 * 128 * 24)),
                      memory.input(zeros(Format.I32, 64 * 128)),
                      memory.output("loss", Format.F32, 64),
                      memory.output("gradient", Format.F32, 64 * 128 * 21),
                      64 * 128,
                      32 * 128,
                      21,
                      24,
                      last,
                      128,
                      0.1f,
                      1),
              0));
    }
  }

  /** Pairs of a row of the smaller map and one of the larger that has a share of it. */
  private static int sharing() {
    int pairs = 0;
    for (int row = 0; row < LARGE; row++) {
      double place = Math.max(0, (row + 0.5) * SMALL / LARGE - 0.5);
      pairs += place > (int) place && place < SMALL - 1 ? 2 : 1;
    }
    return pairs;
  }

  private static Case<BilinearResize> resize(
      Format format, String kernel, Geometry geometry, int from, int to, long fewest) {
    return new Case<>(
        kernel + format.suffix(),
        "16 x 16 to 64 x 64 of 24",
        geometry,
        BilinearResize.class,
        memory ->
            new BilinearResize(
                memory.input(zeros(format, from)),
                memory.output("output", format, to),
                1,
                SMALL,
                SMALL,
                LARGE,
                LARGE,
                24,
                0),
        fewest);
  }

  /** 64 channels of a tensor to 64 of another, or of 256. */
  private static void copy(List<Case<?>> cases, Format format, int from, int to, int pitch) {
    int pixels = 1024;
    int vectors = 64 / format.perVector();
    cases.add(
        new Case<>(
            "copyChannels_" + format.suffix(),
            "64 channels to " + pitch,
            new Geometry(16, 1, 1, vectors, 256 / vectors, 0),
            ChannelCopy.class,
            memory ->
                new ChannelCopy(
                    memory.input(zeros(format, pixels * (320 - pitch))),
                    memory.output("output", format, pixels * pitch),
                    pixels,
                    320 - pitch,
                    pitch,
                    from,
                    to,
                    64,
                    64,
                    0),
            2L * pixels * 64 * format.bytes()));
  }

  private static void optimizer(List<Case<?>> cases, Format format) {
    int chunks = 16;
    int elements = chunks * 4096;
    int size = StructLayout.of(OptimizerChunk.class).size();
    ByteBuffer all = ByteBuffer.allocateDirect(size * chunks);
    for (int i = 0; i < chunks; i++) {
      StructLayout.of(OptimizerChunk.class)
          .write(
              new OptimizerChunk(i * 4096L, 4096, 1, 0),
              all.slice(i * size, size).order(ByteOrder.LITTLE_ENDIAN));
    }
    for (String kernel : List.of("sgd_", "adam_")) {
      cases.add(
          new Case<>(
              kernel + format.suffix(),
              elements + " weights",
              Geometry.linear(chunks, 256),
              OptimizerStep.class,
              memory ->
                  new OptimizerStep(
                      memory.input(new HostArray(Format.U8, all)),
                      memory.inOut("weights", floats(elements)),
                      memory.input(floats(elements)),
                      memory.inOut("first", floats(elements)),
                      kernel.equals("adam_") ? memory.inOut("second", floats(elements)) : 0,
                      memory.output("stored", format, elements),
                      0.1f,
                      1,
                      0.9f,
                      0.1f,
                      0.99f,
                      0.01f,
                      1e-8f,
                      0.5f,
                      0.5f,
                      0,
                      0,
                      0),
              0));
    }
  }

  private static void withoutType(List<Case<?>> cases) {
    cases.add(
        new Case<>(
            "sumSlices",
            "24 slices",
            Geometry.linear(36, 256),
            SumSlices.class,
            memory ->
                new SumSlices(
                    memory.input(floats(24 * 36864)),
                    memory.output("gradient", Format.F32, 36864),
                    36864,
                    24,
                    0),
            0));
    cases.add(
        new Case<>(
            "squaredNorm",
            "1 M elements",
            Geometry.linear(64, 256),
            SquaredNorm.class,
            memory ->
                new SquaredNorm(
                    memory.input(floats(1 << 20)),
                    memory.output("partials", Format.F64, 64),
                    1 << 20,
                    1 << 14),
            0));
    HostArray channels = floats(64);
    cases.add(
        new Case<>(
            "batchNormMerge",
            "6272 tiles of 64",
            new Geometry(49, 2, 1, 8, 32, 0),
            BatchNormMerge.class,
            memory ->
                new BatchNormMerge(
                    memory.input(floats(6272 * 2 * 64)),
                    memory.output("merged", Format.F32, 49 * 2 * 64),
                    64,
                    6272,
                    128,
                    6272 * 128,
                    128),
            0));
    cases.add(
        new Case<>(
            "batchNormFinalize",
            "512 tiles of 64",
            Geometries.columns(64),
            BatchNormFinalize.class,
            memory ->
                new BatchNormFinalize(
                    memory.input(floats(512 * 2 * 64)),
                    memory.input(channels),
                    memory.input(channels),
                    memory.output("mean", Format.F32, 64),
                    memory.output("inverse", Format.F32, 64),
                    memory.output("scale", Format.F32, 64),
                    memory.output("bias", Format.F32, 64),
                    memory.inOut("runningMean", channels),
                    memory.inOut("runningVariance", channels),
                    64,
                    512,
                    128,
                    512 * 128,
                    0.1f,
                    1e-5f),
            0));
    cases.add(
        new Case<>(
            "batchNormFold",
            "2048 channels",
            Geometry.linear(8, 256),
            BatchNormFold.class,
            memory ->
                new BatchNormFold(
                    memory.input(floats(2048)),
                    memory.input(floats(2048)),
                    memory.input(floats(2048)),
                    memory.input(floats(2048)),
                    0,
                    memory.output("scale", Format.F32, 2048),
                    memory.output("bias", Format.F32, 2048),
                    2048,
                    1e-5f),
            0));
    cases.add(
        new Case<>(
            "batchNormBackwardFinalize",
            "256 blocks of 64",
            Geometries.columns(64),
            BatchNormBackwardFinalize.class,
            memory ->
                new BatchNormBackwardFinalize(
                    memory.input(floats(256 * 2 * 64)),
                    memory.input(channels),
                    memory.input(channels),
                    memory.output("dGamma", Format.F32, 64),
                    memory.output("dBeta", Format.F32, 64),
                    memory.output("a", Format.F32, 64),
                    memory.output("b", Format.F32, 64),
                    memory.output("c", Format.F32, 64),
                    64,
                    256,
                    1000,
                    0),
            0));
  }

  @AfterAll
  static void writeTable() throws IOException {
    Files.write(Path.of("target/kernel-traffic.txt"), TABLE);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void movesLittleMoreThanItMust(Case<?> c) {
    Counters counters = c.count().counters();
    long fewest = c.fewestBytes == 0 ? counters.arrayBytes() : c.fewestBytes;
    double traffic = (double) counters.movedBytes() / fewest;

    TABLE.add(
        String.format(
            "%-32s %-36s %9d bytes, moved %.3f times; shared memory %.3f; %.1f instructions per 32 bytes",
            c.kernel,
            c.layer,
            fewest,
            traffic,
            counters.conflicts(),
            32.0 * counters.get("laneInstructions") / fewest));
    assertThat(traffic).as("bytes moved of %s", c).isLessThanOrEqualTo(MOST_TRAFFIC);
    assertThat(counters.conflicts())
        .as("shared-memory wavefronts of %s", c)
        .isLessThanOrEqualTo(MOST_CONFLICTS);
    assertThat(counters.get("localSectors")).isZero();
  }
}
