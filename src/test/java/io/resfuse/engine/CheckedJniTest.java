package io.resfuse.engine;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.ChildJvm;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.tensor.TensorLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The JVM's checks of native code find nothing in what the engines do, nor softcuda leaks. */
@ExtendWith(SoftCudaExtension.class)
class CheckedJniTest {
  /** JCuda's library makes 33 local references when it is loaded: not ours to change. */
  private static final Pattern WHILE_LOADING =
      Pattern.compile(
          "WARNING: JNI local refs: \\d+, exceeds capacity: \\d+\\n"
              + "\\tat jdk.internal.loader.NativeLibraries.load\\(.*\\n"
              + "(\\t.*\\n)+");

  @ParameterizedTest
  @CsvSource({"cuda,softcuda", "onednn,"})
  void findNothing(String engine, String device) throws Exception {
    ProcessBuilder command =
        ChildJvm.command(List.of("-Xcheck:jni"), User.class, engine, device == null ? "" : device);
    command.environment().put("SOFTCUDA_CHECK", "leak");
    try (ChildJvm child = ChildJvm.start(command)) {
      String output = child.output();
      assertThat(WHILE_LOADING.matcher(output).replaceAll("")).isEqualTo("done\n");
      assertThat(child.status()).isZero();
    }
  }

  /** Decodes JPEGs, infers and trains a little. */
  static final class User {
    public static void main(String[] arguments) {
      for (int i = 0; i < 3; i++) { // the JDK decodes the first of a process
        new ImageDecoder().read(Path.of("examples/china.jpg"));
      }
      TestNetwork test = TestNetworks.networks().get(0);
      Parameters parameters = TestData.parameters(test.network());
      Engine engine = Engines.open(arguments[0], new EngineOptions(1, arguments[1]));
      TrainingPlan training =
          engine.planTraining(test.network(), parameters, test.options(Precision.FP32));
      LoadedNetwork loaded = engine.load(test.network(), parameters, Precision.FP32);
      InferencePlan plan = loaded.plan(test.request(TensorLayout.NCHW));
      engine.close();
      Results.inference(plan, test, test.images());
      Results.step(training, test, test.images(), false);
      training.gradientNorm();
      training.update(0.1, 1);
      training.readParameters(parameters);
      training.writeOptimizerState(training.readOptimizerState());
      training.close();
      plan.close();
      loaded.close();
      System.out.println("done");
    }
  }
}
