package io.resfuse.verify;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.KernelSuite;
import io.resfuse.engine.Precision;
import io.resfuse.engine.cuda.SoftCudaExtension;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The edges on engines that are right; {@link PlantedMistakesTest} has those that are wrong. */
@ExtendWith(SoftCudaExtension.class)
class EdgeCasesTest {
  @ParameterizedTest
  @CsvSource({
    "reference, '', BF16",
    "onednn, '', FP32",
    "cuda, softcuda, FP16",
    "cuda, softcuda, FP32",
    "cuda, softcuda, INT8"
  })
  void rightEnginesClimbTheLadderAndRunAllTheirKernels(
      String name, String device, Precision precision) {
    try (Engine reference = Engines.open("reference", EngineOptions.defaults());
        Engine engine = Engines.open(name, new EngineOptions(0, device))) {
      Ladder ladder = new Ladder(reference);
      List<VerifyCase> cases = new ArrayList<>(EdgeCases.of(engine));
      assertThat(cases).extracting(VerifyCase::toString).doesNotHaveDuplicates();
      cases.addAll(TrainingCases.all());
      for (VerifyCase test : cases) {
        assertThat(ladder.verify(engine, precision, test).values())
            .as("%s", test)
            .noneMatch(Check::isFailure);
      }
      if (engine instanceof KernelSuite suite) {
        Set<String> missing = new TreeSet<>(suite.kernels(precision));
        assertThat(missing)
            .hasSize(
                switch (precision) {
                  case FP32 -> 55;
                  case INT8 -> 12;
                  default -> 56;
                });
        missing.removeAll(suite.kernelsRun());
        assertThat(missing).isEmpty();
      }
    }
  }
}
