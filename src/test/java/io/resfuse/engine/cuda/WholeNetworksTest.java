package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Results;
import io.resfuse.engine.TestData;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.model.ResNetConfig;
import io.resfuse.verify.Tolerance;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Logits, loss and all gradients of whole ResNets against float64. The CUDA engine may err at most
 * twice as much as another engine does on the same case: oneDNN in fp32, and in the other
 * precisions the reference engine with images, weights and stored tensors rounded.
 *
 * <p>Errors are relative, in the L2 norm of a tensor. Where roundings switch a ReLU is chance, and
 * so is how the error spreads over tensors; therefore each tensor is also granted twice the other
 * engine's root mean square over all tensors. In fp32 so few switch that one may be all of an
 * engine's error, with some images, and none with others; therefore an engine that errs by more is
 * tried with other images, too.
 */
@ExtendWith(SoftCudaExtension.class)
class WholeNetworksTest {
  private static final int ATTEMPTS = 3;

  @ParameterizedTest
  @ValueSource(strings = {"resnet18", "resnet50"})
  void errAtMostTwiceAsMuchAsOthers(String name) {
    TestNetwork test = new TestNetwork(ResNetConfig.of(name).build(), 2, 64, 64);
    Map<String, double[]> first = truth(test, 0);
    for (Precision precision :
        List.of(Precision.FP32, Precision.TF32, Precision.BF16, Precision.FP16)) {
      List<String> problems = List.of("not tried");
      for (int attempt = 0; attempt < ATTEMPTS && !problems.isEmpty(); attempt++) {
        Map<String, double[]> truth = attempt == 0 ? first : truth(test, attempt);
        problems = problems(test, precision, truth, attempt);
      }
      assertThat(problems).isEmpty();
    }
  }

  private static Map<String, double[]> truth(TestNetwork test, int attempt) {
    return run("reference", "", test, Precision.FP64, attempt);
  }

  /** In what the CUDA engine errs too much, with the images of an attempt. */
  private static List<String> problems(
      TestNetwork test, Precision precision, Map<String, double[]> truth, int attempt) {
    String other = precision == Precision.FP32 ? "onednn" : "reference";
    Map<String, Double> others = errors(truth, run(other, "", test, precision, attempt));
    Map<String, Double> ours = errors(truth, run("cuda", "softcuda", test, precision, attempt));
    double allowed = 2 * rootMeanSquare(others);
    System.out.printf(
        "%s in %s, images %d: relative error of logits %.2e (other engine %.2e), of all tensors"
            + " %.2e (%.2e)%n",
        test.network().name(),
        precision,
        attempt,
        ours.get("logits"),
        others.get("logits"),
        rootMeanSquare(ours),
        rootMeanSquare(others));
    List<String> problems = new ArrayList<>();
    if (!(rootMeanSquare(ours) <= allowed)) {
      problems.add(precision + ": all tensors together err too much");
    }
    ours.forEach(
        (tensor, error) -> {
          if (!(error <= Math.max(2 * others.get(tensor), allowed))) {
            problems.add(
                String.format(
                    "%s: %s errs by %.3e, the other by %.3e, on average %.3e",
                    precision, tensor, error, others.get(tensor), allowed / 2));
          }
        });
    return problems;
  }

  /** One picture of the size that ResNet-50 is made for. */
  @Test
  void inferenceAtFullSizeErrsAtMostTwiceAsMuchAsRoundedStorage() {
    TestNetwork test = new TestNetwork(ResNetConfig.of("resnet50").build(), 1, 224, 224);
    double[] truth = logits("reference", "", test, Precision.FP64);
    double others = Tolerance.distance(logits("reference", "", test, Precision.FP16), truth);
    double ours = Tolerance.distance(logits("cuda", "softcuda", test, Precision.FP16), truth);
    assertThat(ours).isLessThanOrEqualTo(2 * others);
    assertThat(others).isBetween(Double.MIN_VALUE, 0.05 * Tolerance.norm(truth));
  }

  private static double[] logits(
      String engineName, String device, TestNetwork test, Precision precision) {
    try (Engine engine = Engines.open(engineName, new EngineOptions(0, device));
        LoadedNetwork loaded =
            engine.load(test.network(), TestData.parameters(test.network()), precision);
        InferencePlan plan = loaded.plan(PlanRequest.logits(test.batch(), test.height()))) {
      return Results.inference(plan, test, test.images()).get("logits");
    }
  }

  /** Logits, loss and gradients: all that is compared, for parameters would fill the memory. */
  private static Map<String, double[]> run(
      String engineName, String device, TestNetwork test, Precision precision, int attempt) {
    try (Engine engine = Engines.open(engineName, new EngineOptions(0, device));
        TrainingPlan plan =
            engine.planTraining(
                test.network(),
                TestData.parameters(test.network()),
                test.options(precision).withInputGradient(false))) {
      Map<String, double[]> results = Results.step(plan, test, test.images(attempt), false);
      results
          .keySet()
          .removeIf(
              tensor ->
                  !tensor.startsWith("gradient")
                      && !tensor.equals("loss")
                      && !tensor.equals("logits"));
      return results;
    }
  }

  /** Relative errors in the L2 norm. */
  private static Map<String, Double> errors(
      Map<String, double[]> truth, Map<String, double[]> results) {
    Map<String, Double> errors = new LinkedHashMap<>();
    truth.forEach(
        (tensor, exact) ->
            errors.put(
                tensor, Tolerance.distance(results.get(tensor), exact) / Tolerance.norm(exact)));
    return errors;
  }

  private static double rootMeanSquare(Map<String, Double> errors) {
    return Math.sqrt(errors.values().stream().mapToDouble(x -> x * x).average().orElse(Double.NaN));
  }
}
