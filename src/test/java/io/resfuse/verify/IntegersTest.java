package io.resfuse.verify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.Encoding;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Quantization;
import io.resfuse.engine.QuantizedNetwork;
import io.resfuse.engine.QuantizedWeights;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.verify.Check.Status;
import io.resfuse.verify.OperationShape.Kind;
import io.resfuse.verify.WrongEngine.Mistake;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Engines in int8 are held to the bits of the reference; one with a mistake is seen. */
class IntegersTest {
  private static final ResNetConfig SMALL =
      ResNetConfig.of(ResNetVariant.cifar(8, false)).withClasses(11);

  private static final VerifyCase CONV =
      new OperationShape(
              Kind.CONV, 16, 24, true, new Window(3, 1, 1, 1), 1, false, true, false, true, 2, 9, 7)
          .toCase("conv:");

  private static Engine reference;
  private static Engine onednn;

  @BeforeAll
  static void open() {
    reference = Engines.open("reference", EngineOptions.defaults());
    onednn = Engines.open("onednn", new EngineOptions(2, ""));
  }

  @AfterAll
  static void close() {
    reference.close();
    onednn.close();
  }

  private static Map<Rung, Check> verify(Engine engine, VerifyCase test) {
    Map<Rung, Check> checks = new EnumMap<>(Rung.class);
    Subject subject = new Subject(engine, Precision.INT8);
    Subject against = new Subject(reference, Precision.INT8);
    for (Check check : new Verifier(subject, against, reference, 1).verify(test).checks()) {
      checks.put(check.rung(), check);
    }
    assertThat(checks.keySet()).isEqualTo(EnumSet.allOf(Rung.class));
    return checks;
  }

  /** Operations, blocks and the whole; with shortcuts of both kinds, pooling, gates and groups. */
  @Test
  void rightEnginesGiveTheBitsOfTheReference() {
    Optional<String> whyNot = onednn.whyNot(Precision.INT8, Engine.Mode.INFERENCE);
    assumeTrue(whyNot.isEmpty(), () -> whyNot.orElseThrow());
    for (ResNetConfig config : List.of(SMALL, ResNetConfig.of("seresnet50"))) {
      NetworkSpec network = config.build();
      for (VerifyCase test :
          new NetworkCases(network, 2, 32, 32)
              .at(EnumSet.of(Level.OPERATION, Level.BLOCK, Level.NETWORK))) {
        Map<Rung, Check> checks = verify(onednn, test);
        assertThat(checks.values()).as("%s", test).noneMatch(Check::isFailure);
        Status expected = Calibrated.applies(test) ? Status.PASSED : Status.SKIPPED;
        assertThat(checks.get(Rung.EXACT).status()).as("%s", test).isEqualTo(expected);
        assertThat(checks.get(Rung.RERUN).status()).as("%s", test).isEqualTo(expected);
        assertThat(checks.get(Rung.GRADIENTS).detail())
            .containsAnyOf("inference only", "no convolution");
      }
    }
  }

  /** The reference engine with other biases, as a mistake in the kernels would make them. */
  private static Mistake bias(BiasChange change) {
    return new Mistake() {
      @Override
      public Parameters parameters(NetworkSpec network, Parameters given) {
        Quantization quantization = given.quantization();
        if (quantization == null) {
          return given;
        }
        QuantizedNetwork integers = QuantizedNetwork.of(network, quantization);
        Map<String, QuantizedWeights> weights = new LinkedHashMap<>(quantization.weights());
        for (var operation : integers.network().operations()) {
          if (operation instanceof FusedConv conv && integers.weights(conv) != null) {
            QuantizedWeights right = integers.weights(conv);
            float[] bias = right.bias().clone();
            change.change(
                right, integers.encoding(conv.input()), integers.encoding(conv.output()), bias);
            weights.put(conv.name(), new QuantizedWeights(right.weights(), right.scales(), bias));
          }
        }
        return given.withQuantization(new Quantization(weights, quantization.encodings()));
      }
    };
  }

  private interface BiasChange {
    void change(QuantizedWeights weights, Encoding input, Encoding output, float[] bias);
  }

  private static void assertSeen(Mistake mistake, String operation) {
    NetworkSpec network = SMALL.build();
    Engine wrong = WrongEngine.of(reference, mistake);
    for (VerifyCase test :
        List.of(
            CONV,
            new NetworkCases(network, 2, 16, 16).at(EnumSet.of(Level.BLOCK)).get(0),
            new NetworkCases(network, 2, 16, 16).at(EnumSet.of(Level.NETWORK)).get(0))) {
      Check exact = verify(wrong, test).get(Rung.EXACT);
      assertThat(exact.status()).as("%s", test).isEqualTo(Status.MISSED);
      String first = test.level() == Level.OPERATION ? "" : operation;
      assertThat(exact.detail())
          .as("%s", test)
          .startsWith(first)
          .containsPattern("at \\(n=\\d+, h=\\d+, w=\\d+, c=\\d+\\): got \\S+, expected \\S+");
    }
  }

  /** Cut off rather than rounded to the nearest step. */
  @Test
  void aWrongRoundingIsSeen() {
    assertSeen(
        bias(
            (weights, input, output, bias) -> {
              for (int c = 0; output != null && c < bias.length; c++) {
                bias[c] -= 0.5f * output.scale();
              }
            }),
        "conv1");
  }

  /** The image's zero point is multiplied, too, and not subtracted again. */
  @Test
  void aMissingCorrectionForTheZeroPointIsSeen() {
    assertSeen(
        bias(
            (weights, input, output, bias) -> {
              int each = weights.weights().length / bias.length;
              for (int i = 0; i < weights.weights().length; i++) {
                int c = i / each;
                bias[c] +=
                    input.zeroPoint() * input.scale() * weights.scales()[c] * weights.weights()[i];
              }
            }),
        "conv1");
  }

  /** A result that is one step off in one place, of one image of several. */
  @Test
  void oneStepInOnePlaceIsSeenWhereItIs() {
    NetworkSpec network = SMALL.build();
    VerifyCase test = new NetworkCases(network, 2, 16, 16).at(EnumSet.of(Level.NETWORK)).get(0);
    Engine wrong =
        WrongEngine.of(
            reference,
            Mistake.afterRun(
                plan -> {
                  if (plan.request().outputs().contains("layer2.0.conv1")) {
                    var values = plan.output("layer2.0.conv1");
                    int at = values.capacity() - 1;
                    values.put(at, values.get(at) + 1);
                  }
                }));
    Check exact = verify(wrong, test).get(Rung.EXACT);
    assertThat(exact.status()).isEqualTo(Status.MISSED);
    assertThat(exact.detail()).startsWith("layer2.0.conv1 at (n=1, h=7, w=7, c=31): got ");
  }

  @Test
  void integersAreHeldAgainstIntegersOnly() {
    Subject subject = new Subject(onednn, Precision.INT8);
    Subject floats = new Subject(reference, Precision.FP64);
    assertThatThrownBy(() -> new Verifier(subject, floats, reference, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("int8 against fp64");
  }
}
