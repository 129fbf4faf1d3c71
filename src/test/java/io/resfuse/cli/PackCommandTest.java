package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Packs a folder of pictures, and trains and evaluates on the file. */
class PackCommandTest {
  @TempDir private Path folder;

  private Outcome train(Path data, String to) {
    return Outcome.of(
        "train",
        "--data",
        data.toString(),
        "--to",
        folder.resolve(to).toString(),
        "--set",
        "network=resnet8",
        "--set",
        "preprocessing=cifar@8:8",
        "--set",
        "epochs=1",
        "--set",
        "batch=6",
        "--threads",
        "1");
  }

  @Test
  void aPackedFileIsADataSet() throws IOException {
    Path pictures = folder.resolve("pictures");
    TrainCommandTest.drawPictures(pictures);
    Path file = folder.resolve("pictures.pack");
    Outcome packed =
        Outcome.of("pack", pictures.toString(), "-o", file.toString(), "--shorter-side", "8");
    assertThat(packed.exitCode()).as(packed.err()).isZero();
    assertThat(packed.out())
        .startsWith(file + ": 24 training and 24 test pictures, 0 MiB, in ")
        .contains("unreadable pictures left out: 1");

    Outcome trained = train(file, "run");
    assertThat(trained.exitCode()).as(trained.err()).isZero();
    assertThat(trained.out()).contains("24 pictures of 2 classes", "test: top-1");
    Path model = folder.resolve("run/model.safetensors");
    Outcome fromFile = evaluate(file, model);
    assertThat(fromFile.exitCode()).as(fromFile.err()).isZero();
    assertThat(withoutTimes(fromFile)).isEqualTo(withoutTimes(evaluate(pictures, model)));
  }

  private static Outcome evaluate(Path data, Path model) {
    return Outcome.of("evaluate", "--data", data.toString(), "--weights", model.toString());
  }

  private static String withoutTimes(Outcome outcome) {
    return outcome.out().replaceAll("in [0-9.,]+ s.*", "");
  }

  @Test
  void wrongUseIsNamed() {
    assertThat(Outcome.of("pack", "x", "-o", "y", "--shorter-side", "-1").exitCode()).isEqualTo(2);
    Outcome missing = Outcome.of("pack", folder.resolve("none").toString(), "-o", "y");
    assertThat(missing.exitCode()).isEqualTo(1);
    assertThat(missing.err()).startsWith("resfuse: " + folder.resolve("none") + ": no such folder");
  }
}
