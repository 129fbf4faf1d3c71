package io.resfuse.verify;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.verify.Check.Status;
import io.resfuse.verify.OperationShape.Kind;
import io.resfuse.verify.WrongEngine.Mistake;
import java.nio.FloatBuffer;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

/** A right engine climbs the ladder; an engine with one mistake falls off the rung that it must. */
class VerifierTest {
  private static final VerifyCase CONV = conv(16, 16, new Window(3, 1, 1, 1), true).toCase("conv:");
  private static final VerifyCase STRIDED =
      conv(8, 16, new Window(3, 2, 1, 1), false).toCase("strided:");

  private static final VerifyCase PROLOGUE =
      new OperationShape(
              Kind.CONV, 9, 16, true, new Window(3, 1, 1, 1), 1, false, true, false, true, 3, 8, 7)
          .toCase("prologue:");

  private static Engine reference;
  private static Ladder ladder;

  @BeforeAll
  static void open() {
    reference = Engines.open("reference", EngineOptions.defaults());
    ladder = new Ladder(reference);
  }

  @AfterAll
  static void close() {
    reference.close();
  }

  private static OperationShape conv(int in, int out, Window window, boolean residual) {
    return new OperationShape(
        Kind.CONV, in, out, false, window, 1, false, true, residual, residual, 2, 9, 10);
  }

  /** In int8 gradients and the like are skipped: {@link IntegersTest} has it. */
  @ParameterizedTest
  @EnumSource(value = Precision.class, mode = Mode.EXCLUDE, names = "INT8")
  void rightEnginesClimbTheLadder(Precision precision) {
    for (VerifyCase test : List.of(CONV, STRIDED, PROLOGUE)) {
      Map<Rung, Check> checks = ladder.verify(reference, precision, test);
      // Of cases that go on, and of losses.
      checks.keySet().removeAll(EnumSet.of(Rung.NEXT, Rung.LOSS));
      checks.values().forEach(check -> assertThat(check.status()).isEqualTo(Status.PASSED));
    }
    for (VerifyCase test : RandomShapes.of(6, 3)) {
      Map<Rung, Check> checks = ladder.verify(reference, precision, test);
      assertThat(checks.values()).as("%s", test).noneMatch(Check::isFailure);
    }
  }

  @Test
  void blocksAndNetworksClimbIt() {
    NetworkSpec network = ResNetConfig.of(ResNetVariant.cifar(8, true)).withClasses(11).build();
    List<VerifyCase> cases =
        new NetworkCases(network, 2, 12, 12).at(EnumSet.of(Level.BLOCK, Level.NETWORK));
    assertThat(cases)
        .extracting(VerifyCase::name)
        .containsExactly(
            "block stem",
            "block layer1.0",
            "block layer2.0",
            "block layer3.0",
            "block head",
            "network resnet8");
    for (VerifyCase test : cases) {
      assertThat(ladder.verify(reference, Precision.BF16, test).values())
          .as("%s", test)
          .noneMatch(Check::isFailure);
    }
  }

  @Test
  void segmentationNetworksClimbIt() {
    NetworkSpec network = TestNetworks.segmentations().get(1).network();
    List<VerifyCase> cases = new NetworkCases(network, 2, 16, 16).at(EnumSet.allOf(Level.class));
    assertThat(cases)
        .extracting(VerifyCase::name)
        .contains(
            "classifier.0.convs.3.upsample: resize x4 10",
            "classifier.0.concat: concat 4 of 10>40",
            "upsample: resize x4 11",
            "loss: loss of pixels 11",
            "block classifier",
            "block aux_classifier",
            "network deeplabv3_dilated");
    for (VerifyCase test : cases) {
      if (test.name().matches("block .*classifier|network.*|.*: (resize|concat|loss) .*")) {
        assertThat(ladder.verify(reference, Precision.BF16, test).values())
            .as("%s", test)
            .noneMatch(Check::isFailure);
      }
    }
  }

  @Test
  void networksGiveTheirDistinctOperations() {
    NetworkSpec network = ResNetConfig.of("resnet18").build();
    List<String> names =
        new NetworkCases(network, 2, 64, 64)
            .at(EnumSet.of(Level.OPERATION)).stream().map(VerifyCase::name).toList();
    assertThat(names)
        .contains(
            "conv1: conv 7x7/2 3>64 pad 3 bn relu",
            "maxpool: maxpool 3x3/2 64 after bn relu",
            "layer1.0.conv1: conv 3x3 64 pad 1 bn relu",
            "layer1.0.conv2: conv 3x3 64 pad 1 bn residual relu after bn relu",
            "layer2.0.downsample.0: conv 1x1/2 64>128 pad 0 bn",
            "fc: linear 512>1000",
            "loss: loss 1000")
        .doesNotContain("layer1.1.conv1: conv 3x3 64 pad 1 bn relu")
        .doesNotHaveDuplicates();
  }

  @Test
  void aMissingResidualIsCaught() {
    Map<Rung, Check> checks =
        ladder.verifyWrong(
            Precision.FP32,
            CONV,
            new Mistake() {
              @Override
              public NetworkSpec network(NetworkSpec asked) {
                return withoutResidual(asked);
              }
            });
    Ladder.assertOnlyMissed(
        checks, Rung.EXACT, Rung.INFERENCE, Rung.FORWARD, Rung.GRADIENTS, Rung.UPDATE);
    assertThat(checks.get(Rung.EXACT).detail())
        .matches("out at \\(n=0, h=0, w=\\d+, c=0\\): got -?\\d+, expected -?\\d+, off by \\d.*");
  }

  private static NetworkSpec withoutResidual(NetworkSpec asked) {
    Operation.FusedConv conv = (Operation.FusedConv) asked.operations().get(0);
    NetworkBuilder builder = new NetworkBuilder(asked.name(), asked.input().channels());
    NetworkBuilder.Norm norm =
        conv.batchNorm() == null ? null : new NetworkBuilder.Norm("bn", 1e-5, 0.1);
    NetworkBuilder.Conv same =
        new NetworkBuilder.Conv(
            "conv", conv.output().channels(), conv.window(), 1, conv.bias() != null, norm);
    builder.output("out", builder.fusedConv(builder.input(), same, null, conv.relu()));
    return builder.build();
  }

  @Test
  void aShiftedGradientOfAStrideIsCaught() {
    Map<Rung, Check> checks =
        ladder.verifyWrong(
            Precision.FP16,
            STRIDED,
            Mistake.after(
                "backward",
                plan -> {
                  FloatBuffer gradient = plan.inputGradient();
                  for (int i = gradient.capacity() - 1; i > 0; i--) {
                    gradient.put(i, gradient.get(i - 1));
                  }
                }));
    Ladder.assertOnlyMissed(checks, Rung.EXACT, Rung.GRADIENTS);
    assertThat(checks.get(Rung.EXACT).detail()).startsWith("gradient of the images at (n=0, h=0, ");
    assertThat(checks.get(Rung.GRADIENTS).detail())
        .startsWith("gradient of the images at (n=0, h=0, ");
  }

  @Test
  void aStaleRunningMeanIsCaught() {
    Map<Rung, Check> checks =
        ladder.verifyWrong(
            Precision.FP32,
            STRIDED,
            new Mistake() {
              private float[] mean = {};

              @Override
              public void after(String method, TrainingPlan plan, Object[] arguments) {
                if (method.equals("writeParameters")
                    && ((Parameters) arguments[0]).asMap().containsKey("bn.running_mean")) {
                  mean = ((Parameters) arguments[0]).get("bn.running_mean").toArray();
                } else if (method.equals("readParameters")) {
                  ((Parameters) arguments[0]).get("bn.running_mean").buffer().put(mean);
                }
              }
            });
    Ladder.assertOnlyMissed(checks, Rung.STATISTICS);
    assertThat(checks.get(Rung.STATISTICS).detail())
        .startsWith("bn.running_mean after the step at [0]: got ");
  }

  @ParameterizedTest
  @EnumSource(names = {"BF16", "FP16"})
  void statisticsOfTheUnroundedOutputAreCaught(Precision precision) {
    // A plan in fp32 beside the one in the precision: its statistics are of what was not rounded.
    TrainingPlan[] exact = new TrainingPlan[1];
    Engine wrong =
        WrongEngine.of(
            reference,
            new Mistake() {
              @Override
              public NetworkSpec network(NetworkSpec asked) {
                if (asked.parameters().containsKey("bn.running_mean")) {
                  exact[0] =
                      reference.planTraining(
                          asked, Parameters.zeros(asked), STRIDED.options(Precision.FP32));
                }
                return asked;
              }

              @Override
              public void after(String method, TrainingPlan plan, Object[] arguments) {
                if (method.equals("writeParameters") && exact[0] != null) {
                  if (((Parameters) arguments[0]).asMap().containsKey("bn.running_mean")) {
                    exact[0].writeParameters((Parameters) arguments[0]);
                  }
                } else if (method.equals("forward") && exact[0] != null) {
                  exact[0].input().put(0, plan.input(), 0, plan.input().capacity());
                  exact[0].forward();
                } else if (method.equals("readParameters")) {
                  Parameters unrounded = Parameters.zeros(STRIDED.network());
                  exact[0].readParameters(unrounded);
                  for (String name : List.of("bn.running_mean", "bn.running_var")) {
                    ((Parameters) arguments[0])
                        .get(name)
                        .buffer()
                        .put(unrounded.get(name).toArray());
                  }
                }
              }
            });
    Map<Rung, Check> checks = ladder.verify(wrong, precision, STRIDED);
    Ladder.assertOnlyMissed(checks, Rung.STATISTICS);
    assertThat(checks.get(Rung.STATISTICS).detail()).contains("after the step at [0]");
  }

  @Test
  void swappedFragmentsAreCaught() {
    Map<Rung, Check> checks =
        ladder.verifyWrong(
            Precision.TF32,
            STRIDED,
            Mistake.afterRun(
                plan -> {
                  FloatBuffer out = plan.output("out");
                  int plane = out.capacity() / 2 / 16;
                  for (int i = 2 * plane; i < 3 * plane; i++) {
                    float kept = out.get(i);
                    out.put(i, out.get(i + 8 * plane)).put(i + 8 * plane, kept);
                  }
                }));
    assertThat(checks.get(Rung.EXACT).detail()).matches("out at \\(n=0, h=\\d, w=\\d, c=2\\): .*");
    assertThat(checks.get(Rung.INFERENCE).detail()).startsWith("out at (n=0, h=0, w=0, c=2): ");
  }

  @Test
  void wrongPaddingAtOneBorderIsCaughtElementByElement() {
    Map<Rung, Check> checks =
        ladder.verifyWrong(
            Precision.BF16,
            CONV,
            Mistake.afterRun(
                plan -> {
                  FloatBuffer out = plan.output("out");
                  int corner = out.capacity() - 1;
                  out.put(corner, out.get(corner) + 1);
                }));
    assertThat(checks.get(Rung.EXACT).detail()).startsWith("out at (n=1, h=8, w=9, c=15): ");
    assertThat(checks.get(Rung.INFERENCE).detail())
        .matches("out at \\(n=1, h=8, w=9, c=15\\): got .*, off by 1( .*|\\..*|\\(.*)");
    assertThat(checks.get(Rung.SPECIAL).status()).isEqualTo(Status.MISSED);
  }

  @Test
  void outputsNotWrittenAreCaught() {
    Map<Rung, Check> checks =
        ladder.verifyWrong(
            Precision.FP32,
            CONV,
            Mistake.afterRun(
                plan -> {
                  plan.output("out").put(17, Float.NaN);
                }));
    assertThat(checks.get(Rung.EXACT).detail()).startsWith("out at (n=0, h=1, w=7, c=0): got NaN");
    assertThat(checks.get(Rung.INFERENCE).worst()).isInfinite();
  }

  @Test
  void otherBitsOnARerunAreCaught() {
    Map<Rung, Check> checks =
        ladder.verifyWrong(
            Precision.FP32,
            CONV,
            new Mistake() {
              private int runs;

              @Override
              public void after(String method, TrainingPlan plan, Object[] arguments) {
                if (method.equals("backward")) {
                  FloatBuffer gradient = plan.inputGradient();
                  gradient.put(5, runs++ % 2 == 0 ? gradient.get(5) : Math.nextUp(gradient.get(5)));
                }
              }
            });
    Ladder.assertOnlyMissed(checks, Rung.RERUN);
  }

  @Test
  void aCheckOfZerosProvesNothing() {
    // Padding only: a kernel of one pixel that never meets the image but in its middle.
    VerifyCase empty =
        new OperationShape(
                Kind.CONV,
                8,
                8,
                false,
                new Window(1, 1, 4, 1),
                1,
                false,
                false,
                false,
                false,
                2,
                4,
                4)
            .toCase("padding:");
    Map<Rung, Check> checks = ladder.verify(reference, Precision.FP32, empty);
    assertThat(checks.get(Rung.INFERENCE).status()).isEqualTo(Status.UNTRUSTWORTHY);
    assertThat(checks.get(Rung.INFERENCE).detail()).contains("expected values are zero");
  }

  @Test
  void failuresAreMisses() {
    Map<Rung, Check> checks =
        ladder.verifyWrong(
            Precision.FP32,
            CONV,
            Mistake.afterRun(
                plan -> {
                  throw new EngineException("illegal address");
                }));
    Ladder.assertOnlyMissed(checks, Rung.EXACT, Rung.INFERENCE, Rung.SPECIAL);
    assertThat(checks.get(Rung.INFERENCE).detail()).isEqualTo("illegal address");
  }
}
