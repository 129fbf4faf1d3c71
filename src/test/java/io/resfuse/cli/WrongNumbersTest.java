package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.data.dataset.Npy;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Numbers that nobody meant, in options and files: a line that says so, whatever they are. */
class WrongNumbersTest {
  private static final List<String> WHOLE =
      List.of(
          "-1", "-2147483648", "2147483647", "2147483648", "99999999999999999999", "1e3", "", "x");
  private static final List<String> REAL =
      List.of("-1", "NaN", ".nan", "Infinity", "-.inf", "1e999", "", "x");

  @TempDir private Path folder;
  private Path model;
  private Path data;
  private final List<String> wrong = new ArrayList<>();

  @BeforeEach
  void makeFiles() throws IOException {
    model = TestModels.tiny(folder, List.of("<red>", "blue & more"), java.util.Map.of());
    data = folder.resolve("pictures");
    TrainCommandTest.drawPictures(data);
    Files.delete(data.resolve("train/<red>/broken.png"));
  }

  /** Runs a command that must refuse in one line, or do its work. */
  private void run(boolean mayWork, String... words) {
    Outcome outcome = Outcome.of(words);
    String err = outcome.err();
    String line =
        err.lines().filter(each -> !each.contains("INFO")).findFirst().orElse("nothing said");
    boolean refused =
        (outcome.exitCode() == 1 && line.startsWith("resfuse: ")) || outcome.exitCode() == 2;
    // verify says in its table which case failed.
    refused |= outcome.exitCode() == 1 && mayWork && err.isEmpty() && !outcome.out().isEmpty();
    boolean plain =
        !err.contains("\tat ")
            && !err.contains("Exception")
            && !err.contains("Error:")
            && !err.contains("should not happen");
    if (!(refused || (mayWork && outcome.exitCode() == 0)) || !plain) {
      wrong.add(
          String.join(" ", words)
              + "\n    -> "
              + outcome.exitCode()
              + " "
              + err.lines().limit(4).toList());
    }
  }

  private static String[] with(String command, String... more) {
    return Stream.concat(Stream.of(command.split(" ", -1)), Stream.of(more)).toArray(String[]::new);
  }

  private void each(List<String> values, String command, String option) {
    for (String value : values) {
      run(true, with(command, option + "=" + value));
    }
  }

  @Test
  void inOptions() throws IOException {
    String cat = data.resolve("test/<red>/0.png").toString();
    String one = "--engine reference --weights " + model;
    String onPictures = "classify " + cat + " " + one;
    each(WHOLE, onPictures, "--top");
    each(WHOLE, onPictures, "--batch");
    each(WHOLE, onPictures, "--threads");
    for (String size :
        List.of("0:0", "-1:8", "8:2147483647", "2147483648:8", "100000:100000", "9:")) {
      run(false, with(onPictures, "--preprocessing=cifar@" + size));
    }
    String onData = "evaluate --data " + data + " " + one;
    for (String option : List.of("--batch", "--loader-threads")) {
      each(WHOLE, onData, option);
    }
    for (String option : List.of("--classes", "--channels", "--size")) {
      each(WHOLE, "summary resnet18", option);
    }
    each(REAL, "summary resnet18", "--epsilon");
    for (String network :
        List.of("resnet2147483642", "plain-4", "resnet99999999999999", "resnet6000000002")) {
      run(false, "summary", network);
    }
    Path images = folder.resolve("images.npy");
    Npy.write(images, HostTensor.zeros(Shape.of(1, 3, 8, 8)));
    String gradients =
        "gradients --images " + images + " " + one + " --to " + folder.resolve("g.safetensors");
    each(List.of("-1", "2", "2147483648", ""), gradients, "--labels");
    each(REAL, gradients + " --labels 0", "--smoothing");
    assertThat(wrong).isEmpty();
  }

  @Test
  void inPacking() {
    String pack = "pack " + data + " --to " + folder.resolve("x.pack");
    each(WHOLE, pack, "--shorter-side");
    each(WHOLE, pack, "--loader-threads");
    assertThat(wrong).isEmpty();
  }

  @Test
  void inVerifyBenchAndKernels() {
    String verify = "verify --engine reference --network resnet8 --levels block";
    for (String option : List.of("--size", "--batch", "--random")) {
      for (String value : WHOLE) {
        run(false, with(verify, option + "=" + value));
      }
    }
    String kernels = "kernels --network resnet8 --blocks 1";
    for (String option : List.of("--size", "--batch")) {
      for (String value : WHOLE) {
        run(false, with(kernels, option + "=" + value));
      }
    }
    String bench = "bench --engine reference --network resnet8";
    for (String value : REAL) {
      run(false, with(bench, "--seconds=" + value));
    }
    for (String option : List.of("--batch", "--size")) {
      for (String value : WHOLE) {
        run(false, with(bench, option + "=" + value));
      }
    }
    assertThat(wrong).isEmpty();
  }

  @Test
  void inShapeFiles() throws IOException {
    for (String field :
        List.of(
            "in", "out", "kernel", "stride", "padding", "dilation", "groups", "batch", "size")) {
      for (String value :
          List.of("-1", "2000000000", "2147483647", "3000000000", "1e3", ".nan", "''")) {
        String size = field.equals("size") ? "" : ", size: 8";
        String in = field.equals("in") ? "" : "in: 4, ";
        Path shapes = folder.resolve("shapes.yaml");
        Files.writeString(
            shapes,
            "- {op: conv, %skernel: 3, %s: %s%s}"
                .formatted(in, field, value, size)
                .replace(field.equals("kernel") ? "kernel: 3, " : "\0", ""));
        run(true, "verify", "--engine", "reference", "--shapes", shapes.toString());
      }
    }
    assertThat(wrong).isEmpty();
  }

  @Test
  void inRecipes() {
    String train =
        "train --engine reference --data "
            + data
            + " --set network=resnet8 --set preprocessing=cifar@8:8 --set epochs=1 --set batch=6";
    int number = 0;
    List<String> whole =
        List.of(
            "epochs",
            "batch",
            "accumulate",
            "seed",
            "validation",
            "per_class",
            "evaluate_every",
            "early_stop.patience",
            "average.every",
            "augment.padding");
    for (String name : whole) {
      for (String value : List.of("-1", "2147483648", "99999999999999999999", "x", ".nan")) {
        String run = folder.resolve("run" + number++).toString();
        run(name.equals("seed"), with(train, "--set", name + "=" + value, "--to", run));
      }
    }
    for (String name :
        List.of("batch", "accumulate", "validation", "per_class", "augment.padding")) {
      String run = folder.resolve("run" + number++).toString();
      run(false, with(train, "--set", name + "=2147483647", "--to", run));
    }
    List<String> real =
        List.of(
            "schedule.learning_rate",
            "schedule.last_learning_rate",
            "schedule.factor",
            "schedule.warmup_epochs",
            "schedule.milestones",
            "schedule.rise",
            "schedule.start_divisor",
            "schedule.end_divisor",
            "label_smoothing",
            "clip_norm",
            "validation",
            "average.decay",
            "optimizer.momentum",
            "optimizer.epsilon",
            "optimizer.weight_decay",
            "augment.flip",
            "augment.mixup",
            "augment.min_area",
            "early_stop.min_delta",
            "transfer.rates.head");
    for (String name : real) {
      for (String value : List.of("-1", ".nan", ".inf", "1e999", "x", "[1, 2")) {
        String run = folder.resolve("run" + number++).toString();
        run(false, with(train, "--set", name + "=" + value, "--to", run));
      }
    }
    for (String option : List.of("--checkpoint-every", "--keep", "--look-every")) {
      for (String value : List.of("-1", "2147483648", "x")) {
        String run = folder.resolve("run" + number++).toString();
        run(false, with(train, option + "=" + value, "--to", run));
      }
    }
    assertThat(wrong).isEmpty();
  }
}
