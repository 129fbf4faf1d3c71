package io.resfuse.engine.reference;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkBuilder.Conv;
import io.resfuse.engine.NetworkBuilder.Norm;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Results;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.Value;
import io.resfuse.tensor.TensorLayout;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** Cases so small that their results were computed by hand. */
class HandComputedTest {
  private static final ReferenceEngine engine = new ReferenceEngine(EngineOptions.defaults());

  @AfterAll
  static void close() {
    engine.close();
  }

  private static ReferenceTrainingPlan plan(
      NetworkSpec network, Parameters parameters, int batch, int height, int width) {
    return engine.planTraining(
        network,
        parameters,
        new TrainingOptions(
            batch,
            height,
            width,
            TensorLayout.NCHW,
            Precision.FP64,
            network.outputs().keySet(),
            Set.of(),
            true,
            new Optimizer.Sgd(0.5, false, 0, Map.of())));
  }

  private static void fill(Parameters parameters, String name, float... values) {
    parameters.get(name).buffer().put(values);
  }

  @Test
  void convolutionWithPadding() {
    NetworkBuilder builder = new NetworkBuilder("conv", 1);
    Conv conv = new Conv("conv", 1, new Window(3, 1, 1, 1), 1, true, null);
    builder.output("out", builder.fusedConv(builder.input(), conv, null, false));
    NetworkSpec network = builder.build();
    Parameters parameters = Parameters.zeros(network);
    fill(parameters, "conv.weight", 1, 2, 3, 4, 5, 6, 7, 8, 9);
    fill(parameters, "conv.bias", 100);
    try (ReferenceTrainingPlan plan = plan(network, parameters, 1, 2, 2)) {
      plan.input().put(0, new float[] {1, 2, 3, 4});
      plan.forward();
      // Top left: 5*1 + 6*2 + 8*3 + 9*4 = 77, and so on around the centre.
      assertThat(plan.exactOutput("out")).containsExactly(177, 167, 147, 137);
      plan.outputGradient("out").put(0, new float[] {1, 0, 0, 10});
      plan.backward(false);
      assertThat(plan.exactInputGradient()).containsExactly(15, 26, 48, 59);
      assertThat(plan.exactGradient("conv.weight")).containsExactly(10, 20, 0, 30, 41, 2, 0, 3, 4);
      assertThat(plan.exactGradient("conv.bias")).containsExactly(11);
      plan.update(0.5, 1);
      assertThat(plan.exactParameter("conv.bias")).containsExactly(100 - 0.5 * 11);
      plan.update(0.5, 1);
      // Momentum: v = 0.5 * 11 + 11.
      assertThat(plan.exactParameter("conv.bias")).containsExactly(94.5 - 0.5 * 16.5);
    }
  }

  @Test
  void batchNormOfTwoValues() {
    NetworkBuilder builder = new NetworkBuilder("norm", 1);
    Conv conv = new Conv("conv", 1, new Window(1, 1, 0, 1), 1, false, new Norm("bn", 0, 0.25));
    builder.output("out", builder.fusedConv(builder.input(), conv, null, false));
    NetworkSpec network = builder.build();
    Parameters parameters = Parameters.zeros(network);
    fill(parameters, "conv.weight", 2);
    fill(parameters, "bn.weight", 3);
    fill(parameters, "bn.bias", 5);
    fill(parameters, "bn.running_mean", 8);
    fill(parameters, "bn.running_var", 4);
    try (ReferenceTrainingPlan plan = plan(network, parameters, 2, 1, 1)) {
      plan.input().put(0, new float[] {1, 3});
      plan.forward();
      // 2 and 6: mean 4, biased variance 4, unbiased 8.
      assertThat(plan.exactOutput("out")).containsExactly(2, 8);
      assertThat(plan.exactParameter("bn.running_mean")).containsExactly(7);
      assertThat(plan.exactParameter("bn.running_var")).containsExactly(5);
      plan.outputGradient("out").put(0, new float[] {1, 2});
      plan.backward(false);
      assertThat(plan.exactGradient("bn.bias")).containsExactly(3);
      assertThat(plan.exactGradient("bn.weight")).containsExactly(1);
      // Two values become -1 and 1 whatever they are.
      assertThat(plan.exactInputGradient()).containsExactly(0, 0);
      plan.input().put(0, new float[] {1, 3});
      plan.evaluate();
      double deviation = Math.sqrt(5);
      assertThat(plan.exactOutput("out")[0]).isCloseTo(5 - 15 / deviation, offset(1e-12));
      assertThat(plan.exactOutput("out")[1]).isCloseTo(5 - 3 / deviation, offset(1e-12));
    }
  }

  @Test
  void maxPoolTakesTheFirstOfEqualOnes() {
    NetworkBuilder builder = new NetworkBuilder("pool", 1);
    builder.output("out", builder.maxPool("pool", builder.input(), new Window(3, 2, 1, 1)));
    try (ReferenceTrainingPlan plan =
        plan(builder.build(), Parameters.zeros(builder.build()), 1, 3, 4)) {
      plan.input().put(0, new float[] {-5, -5, -7, 1, -5, 2, 2, 1, -9, -9, 2, 1});
      plan.forward();
      assertThat(plan.exactOutput("out")).containsExactly(2, 2, 2, 2);
      plan.outputGradient("out").put(0, new float[] {1, 10, 100, 1000});
      plan.backward(false);
      assertThat(plan.exactInputGradient()).containsExactly(0, 0, 0, 0, 0, 1111, 0, 0, 0, 0, 0, 0);
    }
  }

  @Test
  void averagesCutSquaresByThePixelsThatTheyHave() {
    NetworkBuilder builder = new NetworkBuilder("pool", 1);
    builder.output("out", builder.averagePool("pool", builder.input(), 2));
    try (ReferenceTrainingPlan plan =
        plan(builder.build(), Parameters.zeros(builder.build()), 1, 3, 3)) {
      plan.input().put(0, new float[] {1, 2, 3, 4, 5, 6, 7, 8, 9});
      plan.forward();
      assertThat(plan.exactOutput("out")).containsExactly(3, 4.5, 7.5, 9);
      plan.outputGradient("out").put(0, new float[] {4, 40, 400, 4000});
      plan.backward(false);
      assertThat(plan.exactInputGradient()).containsExactly(1, 1, 20, 1, 1, 20, 200, 200, 4000);
    }
  }

  @Test
  void gatesMultiplyByWhatTheMeansSay() {
    NetworkBuilder builder = new NetworkBuilder("gate", 1);
    builder.output("out", builder.squeezeExcite("se", builder.input(), 1, null, false));
    Parameters parameters = Parameters.zeros(builder.build());
    fill(parameters, "se.fc1.weight", 1);
    float three = (float) Math.log(3);
    fill(parameters, "se.fc2.weight", three);
    try (ReferenceTrainingPlan plan = plan(builder.build(), parameters, 1, 1, 2)) {
      plan.input().put(0, new float[] {0, 2});
      plan.forward();
      // Mean and hidden value 1, the gate the sigmoid of log 3.
      assertThat(plan.exactOutput("out")).containsExactly(new double[] {0, 1.5}, offset(1e-7));
      plan.outputGradient("out").put(0, new float[] {1, 2});
      plan.backward(false);
      // 3/4 times 1/4 times the sum of gradients times inputs.
      double logit = 0.75;
      assertThat(plan.exactGradient("se.fc2.weight"))
          .containsExactly(new double[] {logit}, offset(1e-7));
      assertThat(plan.exactGradient("se.fc2.bias"))
          .containsExactly(new double[] {logit}, offset(1e-7));
      double hidden = logit * Math.log(3);
      assertThat(plan.exactGradient("se.fc1.weight"))
          .containsExactly(new double[] {hidden}, offset(1e-7));
      assertThat(plan.exactGradient("se.fc1.bias"))
          .containsExactly(new double[] {hidden}, offset(1e-7));
      assertThat(plan.exactInputGradient())
          .containsExactly(new double[] {0.75 + hidden / 2, 1.5 + hidden / 2}, offset(1e-7));
    }
  }

  @Test
  void subsampledIdentityPadsBothSides() {
    NetworkBuilder builder = new NetworkBuilder("identity", 1);
    builder.output("out", builder.subsampledIdentity("shortcut", builder.input(), 2, 4));
    try (ReferenceTrainingPlan plan =
        plan(builder.build(), Parameters.zeros(builder.build()), 1, 3, 2)) {
      plan.input().put(0, new float[] {1, 2, 3, 4, 5, 6});
      plan.forward();
      // Three new channels: one before, two after.
      assertThat(plan.exactOutput("out")).containsExactly(0, 0, 1, 5, 0, 0, 0, 0);
    }
  }

  @Test
  void headAndLoss() {
    NetworkBuilder builder = new NetworkBuilder("head", 2);
    Value pooled = builder.globalAveragePool("avgpool", builder.input());
    builder.output("logits", builder.linear("fc", pooled, 2));
    NetworkSpec network = builder.build();
    Parameters parameters = Parameters.zeros(network);
    fill(parameters, "fc.weight", 1, 0, 0, 1);
    fill(parameters, "fc.bias", 1, 0);
    try (ReferenceTrainingPlan plan = plan(network, parameters, 1, 1, 2)) {
      plan.input().put(0, new float[] {1, 3, 2, 4});
      plan.forward();
      assertThat(plan.exactOutput("logits")).containsExactly(3, 3);
      assertThat(plan.softmaxCrossEntropy(new int[] {1}, 0)).isCloseTo(Math.log(2), offset(1e-15));
      plan.backward(false);
      assertThat(plan.exactGradient("fc.bias")).containsExactly(0.5, -0.5);
      assertThat(plan.exactGradient("fc.weight")).containsExactly(1, 1.5, -1, -1.5);
      assertThat(plan.exactInputGradient()).containsExactly(0.25, 0.25, -0.25, -0.25);
      assertThat(plan.gradientNorm()).isCloseTo(Math.sqrt(7), offset(1e-15));
    }
  }

  @Test
  void threadsDoNotMatter() {
    TestNetworks.TestNetwork test = TestNetworks.networks().get(4);
    Parameters parameters = TestData.parameters(test.network());
    try (ReferenceEngine one = new ReferenceEngine(new EngineOptions(1, ""));
        ReferenceEngine five = new ReferenceEngine(new EngineOptions(5, ""));
        ReferenceTrainingPlan first =
            one.planTraining(test.network(), parameters, test.options(Precision.FP64));
        ReferenceTrainingPlan second =
            five.planTraining(test.network(), parameters, test.options(Precision.FP64))) {
      Map<String, double[]> expected = Results.step(first, test, test.images(), false);
      Results.step(second, test, test.images(), false)
          .forEach((name, array) -> assertThat(array).as(name).containsExactly(expected.get(name)));
    }
  }
}
