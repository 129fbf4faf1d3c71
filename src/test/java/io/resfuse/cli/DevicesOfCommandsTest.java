package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.weights.ModelFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Commands with {@code --device} of several. */
@ExtendWith(SoftCudaExtension.class)
class DevicesOfCommandsTest {
  @TempDir Path folder;

  private Outcome train(String to, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "train",
                "--engine",
                "cuda",
                "--data",
                folder.resolve("pictures").toString(),
                "--to",
                folder.resolve(to).toString(),
                "--network",
                "resnet8",
                "--set",
                "preprocessing=cifar@8:8",
                "--epochs",
                "1",
                "--batch",
                "8",
                "--lr",
                "0.02"));
    arguments.addAll(List.of(more));
    return Outcome.of(arguments.toArray(String[]::new));
  }

  private Map<String, float[]> weights(String run) {
    Map<String, float[]> values = new LinkedHashMap<>();
    ModelFile.open(folder.resolve(run).resolve("model.safetensors"))
        .parameters()
        .asMap()
        .forEach((name, tensor) -> values.put(name, tensor.toArray()));
    return values;
  }

  @Test
  void trainingGivesTheSameWeightsOnAnyNumberOfDevices() throws IOException {
    TrainCommandTest.drawPictures(folder.resolve("pictures"));
    Outcome four = train("four", "--device", "softcuda:all", "--shards", "4");
    assertThat(four.exitCode()).as(four.err()).isZero();
    assertThat(four.out()).contains("4 devices, each softcuda as");
    Outcome one = train("one", "--device", "softcuda", "--shards", "4");
    assertThat(one.exitCode()).as(one.err()).isZero();
    assertThat(weights("four")).usingRecursiveComparison().isEqualTo(weights("one"));
    Outcome evaluated =
        Outcome.of(
            "evaluate",
            "--engine",
            "cuda",
            "--device",
            "softcuda:1,2",
            "--data",
            folder.resolve("pictures").toString(),
            "--weights",
            folder.resolve("four/model.safetensors").toString(),
            "--batch",
            "5");
    assertThat(evaluated.exitCode()).as(evaluated.err()).isZero();
  }

  @Test
  void refusalsAreOneLine() throws IOException {
    TrainCommandTest.drawPictures(folder.resolve("pictures"));
    refused(train("a", "--device", "softcuda:5"), "has no device '5'", "0 to 3");
    refused(train("b", "--device", "softcuda:0,1"), "2 devices cannot share 1 shard", "--shards");
    refused(train("c", "--device", "softcuda:0,1,2", "--shards", "4"), "3 devices cannot share 4");
    refused(train("d", "--shards", "3"), "shards must be 1, 2, 4, 8, ..., got 3");
    refused(train("e", "--shards", "16"), "batch is 8, which 16 shards cannot share evenly");
  }

  private static void refused(Outcome outcome, String... parts) {
    assertThat(outcome.exitCode()).isNotZero();
    assertThat(outcome.err()).contains(parts);
    assertThat(outcome.err()).doesNotContain("\tat ");
  }
}
