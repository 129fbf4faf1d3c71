package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PixelScaling;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.model.ResNetConfig;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.TensorLayout;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Plans that take pixels give the bits of plans that are given the same pixels normalised. */
@ExtendWith(SoftCudaExtension.class)
class PixelsTest {
  private static final int BATCH = 3;
  private static final int HEIGHT = 37;
  private static final int WIDTH = 33;

  /** One with a stem of 7x7 and its border, one that begins with 3x3, and one for grey images. */
  private record Network(String name, NetworkSpec spec, PixelScaling scaling) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static final PixelScaling COLOURS =
      PixelScaling.of(1, List.of(103.939f, 116.779f, 123.68f), List.of(57.1f, 58.2f, 59.3f));

  private static final PixelScaling GREYS = PixelScaling.of(255, List.of(0.286f), List.of(0.353f));

  private static final Network RESNET18 =
      new Network("resnet18", ResNetConfig.of("resnet18").withClasses(7).build(), COLOURS);

  private static final Network RESNET8 =
      new Network("resnet8", ResNetConfig.of("resnet8").build(), COLOURS);

  private static final Network GREY =
      new Network("grey", ResNetConfig.of("resnet8").withInputChannels(1).build(), GREYS);

  private static Engine engine;

  @BeforeAll
  static void open() {
    engine = Engines.open("cuda", new EngineOptions(2, "softcuda"));
  }

  @AfterAll
  static void close() {
    engine.close();
  }

  static Stream<Arguments> cases() {
    return Stream.of(RESNET18, RESNET8, GREY)
        .flatMap(
            network ->
                Stream.of(Precision.FP32, Precision.FP16)
                    .flatMap(
                        precision ->
                            Stream.of(TensorLayout.values())
                                .map(layout -> Arguments.of(network, precision, layout))));
  }

  private static byte[] pixels(Network network) {
    byte[] pixels = new byte[BATCH * HEIGHT * WIDTH * network.scaling.channels()];
    new Random(11).nextBytes(pixels);
    return pixels;
  }

  /** Writes the pixels as the floats that they are. */
  private static void put(Network network, byte[] pixels, TensorLayout layout, FloatBuffer target) {
    int channels = network.scaling.channels();
    int plane = HEIGHT * WIDTH;
    for (int n = 0; n < BATCH; n++) {
      for (int pixel = 0; pixel < plane; pixel++) {
        for (int c = 0; c < channels; c++) {
          int at = (n * plane + pixel) * channels + c;
          int to = layout == TensorLayout.NHWC ? at : (n * channels + c) * plane + pixel;
          target.put(to, network.scaling.value(c, pixels[at] & 0xff));
        }
      }
    }
  }

  private static float[] copy(FloatBuffer buffer) {
    float[] copy = new float[buffer.capacity()];
    buffer.get(0, copy);
    return copy;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void inferenceGivesTheSameBits(Network network, Precision precision, TensorLayout layout) {
    Parameters parameters = TestData.parameters(network.spec);
    PlanRequest request = new PlanRequest(BATCH, HEIGHT, WIDTH, layout, Set.of("logits"));
    byte[] pixels = pixels(network);
    try (LoadedNetwork loaded = engine.load(network.spec, parameters, precision);
        InferencePlan ofFloats = loaded.plan(request);
        InferencePlan ofPixels = loaded.plan(request.withPixels(network.scaling))) {
      put(network, pixels, layout, ofFloats.input());
      ofPixels.pixels().put(0, pixels);
      ofFloats.run();
      ofPixels.run();
      float[] logits = copy(ofPixels.output("logits"));
      assertThat(logits).isEqualTo(copy(ofFloats.output("logits")));
      assertThat(logits).doesNotContain(Float.NaN).isNotEqualTo(new float[logits.length]);
      assertThat(ofPixels.memory().host()).isLessThan(ofFloats.memory().host());
      assertThatThrownBy(ofPixels::input)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("pixels()");
      assertThatThrownBy(ofFloats::pixels)
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("input()");
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void trainingGivesTheSameBits(Network network, Precision precision, TensorLayout layout) {
    Parameters parameters = TestData.parameters(network.spec);
    TrainingOptions options =
        new TrainingOptions(
            BATCH,
            HEIGHT,
            WIDTH,
            layout,
            precision,
            Set.of("logits"),
            Set.of(),
            true,
            TrainingOptions.standard(BATCH, HEIGHT, precision).optimizer());
    byte[] pixels = pixels(network);
    int[] labels = {2, -1, 5};
    try (TrainingPlan ofFloats = engine.planTraining(network.spec, parameters, options);
        TrainingPlan ofPixels =
            engine.planTraining(network.spec, parameters, options.withPixels(network.scaling))) {
      put(network, pixels, layout, ofFloats.input());
      ByteBuffer target = ofPixels.pixels();
      target.put(0, pixels);
      for (TrainingPlan plan : List.of(ofFloats, ofPixels)) {
        plan.forward();
        plan.softmaxCrossEntropy(labels, 0.1);
        plan.backward(false);
      }
      assertThat(copy(ofPixels.output("logits"))).isEqualTo(copy(ofFloats.output("logits")));
      assertThat(copy(ofPixels.inputGradient())).isEqualTo(copy(ofFloats.inputGradient()));
      HostTensor expected = gradient(network, ofFloats);
      assertThat(gradient(network, ofPixels).toArray()).isEqualTo(expected.toArray());
      ofFloats.evaluate();
      ofPixels.evaluate();
      assertThat(copy(ofPixels.output("logits"))).isEqualTo(copy(ofFloats.output("logits")));
    }
  }

  private static HostTensor gradient(Network network, TrainingPlan plan) {
    HostTensor gradient = HostTensor.zeros(network.spec.parameters().get("conv1.weight").shape());
    plan.readGradient("conv1.weight", gradient);
    return gradient;
  }

  @Test
  void aScalingForOtherImagesIsRefused() {
    Parameters parameters = TestData.parameters(GREY.spec);
    try (LoadedNetwork loaded = engine.load(GREY.spec, parameters, Precision.FP32)) {
      PlanRequest request = PlanRequest.logits(1, 16).withPixels(COLOURS);
      assertThatThrownBy(() -> loaded.plan(request))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("1 channels")
          .hasMessageContaining("3");
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"onednn", "reference"})
  void enginesOfTheHostRefusePixels(String name) {
    NetworkSpec network = GREY.spec;
    Parameters parameters = TestData.parameters(network);
    try (Engine other = Engines.open(name, EngineOptions.defaults());
        LoadedNetwork loaded = other.load(network, parameters, Precision.FP32)) {
      assertThat(other.takesPixels()).isFalse();
      assertThatThrownBy(() -> loaded.plan(PlanRequest.logits(1, 16).withPixels(GREYS)))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("takes floats");
      assertThatThrownBy(
              () ->
                  other.planTraining(
                      network,
                      parameters,
                      TrainingOptions.standard(2, 16, Precision.FP32).withPixels(GREYS)))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("takes floats");
    }
  }
}
