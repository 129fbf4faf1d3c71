package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Results;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.Case;
import io.resfuse.engine.cuda.driver.Context;
import io.resfuse.engine.reference.ReferenceEngine;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.verify.Tolerance;
import java.util.Map;
import java.util.stream.Stream;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole networks whose convolutions are run by a library: here by plain loops on the host. */
@ExtendWith(SoftCudaExtension.class)
class LibraryConvolutionsTest {
  private static final int WORKSPACE = 4096;

  /** The loops wait for the device, which a graph cannot record. */
  @BeforeAll
  static void stepByStep() {
    System.setProperty(Pass.SYNC_PROPERTY, "true");
  }

  @AfterAll
  static void asBefore() {
    System.clearProperty(Pass.SYNC_PROPERTY);
  }

  private static Stream<Arguments> cases() {
    return TestNetworks.all().stream()
        .flatMap(test -> Stream.of(Arguments.of(test, true), Arguments.of(test, false)));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void inferenceIsTheReferences(Case test, boolean fused) {
    Parameters parameters = TestData.parameters(test.network());
    float[] images = test.images();
    long before = Context.liveObjects();
    HostLoops library = new HostLoops(fused);
    Map<String, double[]> got;
    try (LibraryHost host = new LibraryHost(new EngineOptions(0, "softcuda"));
        LoadedNetwork loaded = host.load(test.network(), parameters, Precision.FP32, library);
        InferencePlan plan = loaded.plan(test.request(TensorLayout.NCHW))) {
      assertThat(loaded.memory(test.request(TensorLayout.NCHW))).isEqualTo(plan.memory());
      assertThat(library.prepared == 0 || plan.memory().workspace() >= WORKSPACE).isTrue();
      got = Results.inference(plan, test, images);
    }
    assertThat(library.prepared).as("convolutions that are not closed").isZero();
    assertThat(Context.liveObjects()).isEqualTo(before);
    Tolerance tolerance =
        new Tolerance(
            Tolerance.longestSum(test.network(), test.batch(), test.height(), test.width()),
            reference(test, parameters, Precision.FP64, images),
            reference(test, parameters, Precision.FP32, images),
            reference(test, parameters, Precision.FP32, images),
            0);
    assertThat(tolerance.misses(got)).isEmpty();
  }

  private static Map<String, double[]> reference(
      Case test, Parameters parameters, Precision precision, float[] images) {
    try (Engine engine = new ReferenceEngine(EngineOptions.defaults());
        LoadedNetwork loaded = engine.load(test.network(), parameters, precision);
        InferencePlan plan = loaded.plan(test.request(TensorLayout.NCHW))) {
      return Results.inference(plan, test, images);
    }
  }

  /** NHWC convolutions of floats on the host, by definition. */
  private static final class HostLoops implements ConvolutionLibrary {
    private final boolean fused;
    private int prepared;

    HostLoops(boolean fused) {
      this.fused = fused;
    }

    @Override
    public Prepared prepare(Convolution convolution) {
      prepared++;
      return new Loops(convolution);
    }

    private final class Loops implements Prepared {
      private final Convolution sizes;

      Loops(Convolution sizes) {
        this.sizes = sizes;
      }

      @Override
      public boolean isFused() {
        return fused;
      }

      @Override
      public long workspaceBytes() {
        return WORKSPACE;
      }

      @Override
      public void run(io.resfuse.engine.cuda.driver.Stream stream, Addresses at) {
        stream.synchronize("reading a convolution's input");
        Window window = sizes.window();
        int kernel = window.kernel();
        int groupChannels = sizes.channels() / sizes.groups();
        int rows = window.outputSize(sizes.height());
        int columns = window.outputSize(sizes.width());
        float[] input =
            read(at.input(), sizes.images() * sizes.height() * sizes.width() * sizes.channels());
        float[] weights = read(at.weights(), sizes.outputs() * kernel * kernel * groupChannels);
        float[] output = new float[sizes.images() * rows * columns * sizes.outputs()];
        for (int i = 0; i < output.length; i++) {
          int o = i % sizes.outputs();
          int column = i / sizes.outputs() % columns * window.stride() - window.padding();
          int row = i / sizes.outputs() / columns % rows * window.stride() - window.padding();
          int image = i / sizes.outputs() / columns / rows;
          int first = o / (sizes.outputs() / sizes.groups()) * groupChannels;
          double sum = 0;
          for (int tap = 0; tap < kernel * kernel; tap++) {
            int y = row + tap / kernel * window.dilation();
            int x = column + tap % kernel * window.dilation();
            if (y < 0 || y >= sizes.height() || x < 0 || x >= sizes.width()) {
              continue;
            }
            int pixel = (image * sizes.height() + y) * sizes.width() + x;
            for (int c = 0; c < groupChannels; c++) {
              sum +=
                  (double) input[pixel * sizes.channels() + first + c]
                      * weights[(o * kernel * kernel + tap) * groupChannels + c];
            }
          }
          output[i] = (float) sum;
        }
        if (fused) {
          finish(output, at);
        }
        // Scratch memory is the convolution's own while it runs.
        write(at.workspace(), new float[WORKSPACE / Float.BYTES]);
        write(at.output(), output);
      }

      private void finish(float[] output, Addresses at) {
        float[] scale = read(at.scale(), sizes.outputs());
        float[] bias = read(at.bias(), sizes.outputs());
        float[] residual = sizes.residual() ? read(at.residual(), output.length) : null;
        for (int i = 0; i < output.length; i++) {
          int channel = i % sizes.outputs();
          float value = output[i] * scale[channel] + bias[channel];
          value += residual == null ? 0 : residual[i];
          output[i] = sizes.relu() ? Math.max(0, value) : value;
        }
      }

      @Override
      public void close() {
        prepared--;
      }
    }

    private static float[] read(long address, int elements) {
      float[] values = new float[elements];
      int status =
          JCudaDriver.cuMemcpyDtoH(Pointer.to(values), at(address), (long) elements * Float.BYTES);
      assertThat(status).isZero();
      return values;
    }

    private static void write(long address, float[] values) {
      int status =
          JCudaDriver.cuMemcpyHtoD(
              at(address), Pointer.to(values), (long) values.length * Float.BYTES);
      assertThat(status).isZero();
    }

    private static CUdeviceptr at(long address) {
      return new CUdeviceptr().withByteOffset(address);
    }
  }
}
