package io.resfuse.engine.cuda;

import static jcuda.driver.JCudaDriver.cuCtxGetCurrent;
import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoD;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PixelScaling;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.tensor.TensorLayout;
import java.util.List;
import java.util.Set;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdeviceptr;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Plans whose input and outputs stay on the device. */
@ExtendWith(SoftCudaExtension.class)
class DeviceTensorsTest {
  private static final int BATCH = 3;
  private static final int SIZE = 8;
  private static final NetworkSpec NETWORK = ResNetConfig.of(ResNetVariant.cifar(8, true)).build();

  /** The first of the outputs are overwritten in a plan for the host as soon as they are copied. */
  private static final List<String> OUTPUTS = List.of("c3", "c4", "pooled", "logits");

  private static Engine engine;

  @BeforeAll
  static void open() {
    engine = Engines.open("cuda", new EngineOptions(2, "softcuda"));
  }

  @AfterAll
  static void close() {
    engine.close();
  }

  /** JCuda's pointer for an address. */
  private static final class At extends CUdeviceptr {
    At(long address) {
      super(new CUdeviceptr(), address);
    }
  }

  private static void write(long address, float[] values) {
    engine.onDevice(
        () ->
            assertThat(
                    cuMemcpyHtoD(
                        new At(address), Pointer.to(values), (long) Float.BYTES * values.length))
                .isZero());
  }

  private static float[] read(long address, int length) {
    float[] values = new float[length];
    engine.onDevice(
        () ->
            assertThat(
                    cuMemcpyDtoH(Pointer.to(values), new At(address), (long) Float.BYTES * length))
                .isZero());
    return values;
  }

  private static float[] images() {
    return TestData.images("device", BATCH * 3 * SIZE * SIZE);
  }

  private static LoadedNetwork load(Precision precision) {
    return engine.load(NETWORK, TestData.parameters(NETWORK), precision);
  }

  private static PlanRequest request(TensorLayout layout) {
    return new PlanRequest(BATCH, SIZE, SIZE, layout, Set.copyOf(OUTPUTS));
  }

  private static float[] copy(InferencePlan plan, String output) {
    float[] values = new float[plan.output(output).capacity()];
    plan.output(output).get(0, values);
    return values;
  }

  @ParameterizedTest
  @EnumSource(TensorLayout.class)
  void theBitsAreThoseOfAPlanOfTheHost(TensorLayout layout) {
    for (Precision precision : List.of(Precision.FP32, Precision.FP16)) {
      try (LoadedNetwork loaded = load(precision);
          InferencePlan host = loaded.plan(request(layout));
          InferencePlan device = loaded.plan(request(layout).inDeviceMemory())) {
        assertThat(device.memory().host()).isZero();
        assertThat(loaded.memory(device.request())).isEqualTo(device.memory());
        host.input().put(0, images());
        host.run();
        for (int round = 0; round < 2; round++) {
          write(device.deviceInput(), images());
          device.run();
          for (String output : OUTPUTS) {
            float[] expected = copy(host, output);
            assertThat(read(device.deviceOutput(output), expected.length))
                .as("%s in %s, %s", output, precision, layout)
                .containsExactly(expected);
          }
        }
      }
    }
  }

  @Test
  void onePlansOutputIsAnothersInput() {
    NetworkBuilder builder = new NetworkBuilder("head", 64);
    builder.output("mean", builder.globalAveragePool("pool", builder.input()));
    NetworkSpec head = builder.build();
    PlanRequest stage =
        new PlanRequest(BATCH, SIZE, SIZE, TensorLayout.NCHW, Set.of("c4", "pooled"));
    try (LoadedNetwork first = load(Precision.FP32);
        InferencePlan backbone = first.plan(stage.inDeviceMemory());
        LoadedNetwork second = engine.load(head, TestData.parameters(head), Precision.FP32);
        InferencePlan rest =
            second.plan(
                new PlanRequest(BATCH, 2, 2, TensorLayout.NCHW, Set.of("mean")).inDeviceMemory())) {
      write(backbone.deviceInput(), images());
      backbone.run();
      long bytes = (long) Float.BYTES * BATCH * 64 * 2 * 2;
      engine.onDevice(
          () -> {
            assertThat(
                    cuMemcpyDtoD(
                        new At(rest.deviceInput()), new At(backbone.deviceOutput("c4")), bytes))
                .isZero();
            // The driver does not wait for copies within the device.
            assertThat(cuCtxSynchronize()).isZero();
          });
      rest.run();
      assertThat(read(rest.deviceOutput("mean"), BATCH * 64))
          .containsExactly(read(backbone.deviceOutput("pooled"), BATCH * 64));
    }
  }

  @Test
  void theCallersContextIsLeftAsItWas() {
    try (Engine other = Engines.open("cuda", new EngineOptions(2, "softcuda"))) {
      other.onDevice(
          () -> {
            CUcontext before = current();
            engine.onDevice(() -> assertThat(current()).isNotEqualTo(before));
            assertThat(current()).isEqualTo(before);
            assertThatThrownBy(
                    () ->
                        engine.onDevice(
                            () -> {
                              throw new IllegalStateException("mine");
                            }))
                .hasMessage("mine");
            assertThat(current()).isEqualTo(before);
          });
    }
  }

  private static CUcontext current() {
    CUcontext context = new CUcontext();
    assertThat(cuCtxGetCurrent(context)).isZero();
    return context;
  }

  @Test
  void whatIsOnTheOtherSideIsRefused() {
    try (LoadedNetwork loaded = load(Precision.FP32);
        InferencePlan host = loaded.plan(request(TensorLayout.NCHW));
        InferencePlan device = loaded.plan(request(TensorLayout.NCHW).inDeviceMemory())) {
      String onDevice =
          "this plan's input and outputs are on the device: use deviceInput() and deviceOutput()";
      assertThatThrownBy(device::input).hasMessage(onDevice);
      assertThatThrownBy(() -> device.output("logits")).hasMessage(onDevice);
      assertThatThrownBy(host::deviceInput)
          .hasMessage("this plan's input is on the host: write it to input()");
      assertThatThrownBy(() -> host.deviceOutput("logits"))
          .hasMessage("this plan's outputs are on the host: read them by output()");
      assertThatThrownBy(() -> device.deviceOutput("c9"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("the plan has no output 'c9'");
    }
    PlanRequest pixels =
        request(TensorLayout.NHWC)
            .withPixels(PixelScaling.of(255, List.of(0f, 0f, 0f), List.of(1f, 1f, 1f)));
    assertThatThrownBy(pixels::inDeviceMemory).isInstanceOf(IllegalArgumentException.class);
    for (String name : List.of("onednn", "reference")) {
      try (Engine cpu = Engines.open(name, new EngineOptions(2, ""));
          LoadedNetwork loaded = cpu.load(NETWORK, TestData.parameters(NETWORK), Precision.FP32)) {
        assertThat(cpu.hasDevice()).isFalse();
        assertThatThrownBy(() -> loaded.plan(request(TensorLayout.NCHW).inDeviceMemory()))
            .isInstanceOf(EngineException.class)
            .hasMessageStartingWith("engine " + name + " has no device");
        assertThatThrownBy(() -> cpu.onDevice(() -> {})).isInstanceOf(EngineException.class);
      }
    }
  }

  @Test
  void nothingIsLeftBehind() {
    try (LoadedNetwork loaded = load(Precision.FP32)) {
      // The first plan loads the kernels that the engine keeps.
      loaded.plan(request(TensorLayout.NCHW).inDeviceMemory()).close();
      long before = Context.liveObjects();
      InferencePlan plan = loaded.plan(request(TensorLayout.NCHW).inDeviceMemory());
      plan.close();
      assertThat(Context.liveObjects()).isEqualTo(before);
      assertThatThrownBy(plan::deviceInput).hasMessageEndingWith("is closed");
    }
  }
}
