package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.TestData;
import io.resfuse.model.ResNetConfig;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.ModelMetadata;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** ONNX from the command line. */
class OnnxCommandsTest {
  private static final String CAT = "examples/chelsea.png";

  @TempDir Path folder;

  private Path model() {
    ResNetConfig config = ResNetConfig.of("resnet8").withClasses(3);
    Path file = folder.resolve("tiny.safetensors");
    ModelFile.save(
        file,
        new ModelMetadata(config, "cifar", List.of("cat", "dog", "cup"), Map.of()),
        TestData.parameters(config.build()));
    return file;
  }

  private static String classes(Path weights) {
    Outcome outcome =
        Outcome.of(
            "classify", CAT, "--weights", weights.toString(), "--engine", "reference", "--json");
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    return outcome.out();
  }

  @Test
  void convertsDescribesAndClassifies() {
    String model = model().toString();
    Path kept = folder.resolve("kept.onnx");
    Path folded = folder.resolve("folded.onnx");
    assertThat(Outcome.of("weights", "convert", model, kept.toString()).exitCode()).isZero();
    assertThat(
            Outcome.of("weights", "convert", model, folded.toString(), "--fold-batch-norm")
                .exitCode())
        .isZero();
    assertThat(Outcome.of("weights", "info", kept.toString()).out())
        .contains("opset 17, IR version 8, made by resfuse", "format         ONNX")
        .contains("network        resnet8", "labels         3", "preprocessing  cifar")
        .doesNotContain("folded into");
    assertThat(Outcome.of("weights", "info", folded.toString()).out())
        .contains("7 batch norms had been folded into their convolutions");
    assertThat(classes(kept)).isEqualTo(classes(Path.of(model))).contains("cat");
    assertThat(classes(folded)).contains("cat");
    Path back = folder.resolve("back.safetensors");
    assertThat(Outcome.of("weights", "convert", kept.toString(), back.toString()).exitCode())
        .isZero();
    assertThat(back).hasSameBinaryContentAs(Path.of(model));
  }

  @Test
  void foldsIntoOnnxOnly() {
    Path other = folder.resolve("other.safetensors");
    Outcome outcome =
        Outcome.of("weights", "convert", model().toString(), other.toString(), "--fold-batch-norm");
    assertThat(outcome.exitCode()).isEqualTo(2);
    assertThat(outcome.err()).contains("--fold-batch-norm is for .onnx files only");
    assertThat(Files.exists(other)).isFalse();
  }
}
