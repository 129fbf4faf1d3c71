package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.data.dataset.Npy;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Commands do not write over what they read, nor over what is something else than their result. */
class OverwritingTest {
  @TempDir private Path folder;

  private static void refused(Path file, String message, int exitCode, String... words)
      throws IOException {
    byte[] before = Files.readAllBytes(file);
    Outcome outcome = Outcome.of(words);
    assertThat(outcome.err()).contains(message);
    assertThat(outcome.exitCode()).isEqualTo(exitCode);
    assertThat(outcome.out()).isEmpty();
    assertThat(Files.readAllBytes(file)).isEqualTo(before);
  }

  @Test
  void weightsAreConvertedIntoAnotherFile() throws IOException {
    Path model = TestModels.tiny(folder);
    String same = folder.resolve("x/../tiny.safetensors").toString();
    Files.createDirectory(folder.resolve("x"));
    String message = "is read by this very command; write to another file";
    refused(model, message, 1, "weights", "convert", model.toString(), same);
    Path labels = Files.writeString(folder.resolve("labels.onnx"), "a\nb\nc\n");
    refused(
        labels,
        message,
        1,
        "weights",
        "convert",
        model.toString(),
        labels.toString(),
        "--labels",
        labels.toString());
    Path other = Files.writeString(folder.resolve("other.pth"), "kept");
    refused(
        other,
        "the name of what is written ends in .safetensors or .onnx",
        2,
        "weights",
        "convert",
        model.toString(),
        other.toString());
    Path upper = folder.resolve("TINY.ONNX");
    Outcome converted = Outcome.of("weights", "convert", model.toString(), upper.toString());
    assertThat(converted.exitCode()).as(converted.err()).isZero();
    assertThat(Outcome.of("weights", "info", upper.toString()).out())
        .contains("format         ONNX");
  }

  @Test
  void gradientsAreWrittenIntoAnotherFile() throws IOException {
    Path images = folder.resolve("images.npy");
    Npy.write(images, HostTensor.zeros(Shape.of(1, 3, 8, 8)));
    refused(
        images,
        "is read by this very command",
        1,
        "gradients",
        "--images",
        images.toString(),
        "--labels",
        "1",
        "--to",
        images.toString());
  }

  @Test
  void aPackReplacesNothingButPacks() throws IOException {
    Path pictures = folder.resolve("pictures");
    TrainCommandTest.drawPictures(pictures);
    Files.delete(pictures.resolve("train/<red>/broken.png"));
    Path list = folder.resolve("list.csv");
    Files.writeString(list, "pictures/train/<red>/1.png,a\npictures/train/<red>/2.png,a\n");
    refused(list, "is read by this very", 1, "pack", list.toString(), "-o", list.toString());
    Path picture = pictures.resolve("train/<red>/1.png");
    refused(
        picture,
        "is there and is no packed data set; name another file, or remove it",
        1,
        "pack",
        pictures.toString(),
        "-o",
        picture.toString());
    Path pack = Files.createFile(folder.resolve("a.pack"));
    for (int i = 0; i < 2; i++) {
      Outcome packed = Outcome.of("pack", pictures.toString(), "-o", pack.toString());
      assertThat(packed.exitCode()).as(packed.err()).isZero();
    }
    refused(pack, "is read by this very", 1, "pack", pack.toString(), "-o", pack.toString());
  }

  /** Rather than after minutes of work. */
  @Test
  void aPageThatCannotBeWrittenIsToldFirst() {
    String page = folder.resolve("none/page.html").toString();
    for (List<String> more : List.of(List.<String>of(), List.of("--mutate"))) {
      Outcome outcome =
          Outcome.of(
              Stream.concat(Stream.of("verify", "--html", page), more.stream())
                  .toArray(String[]::new));
      assertThat(outcome.exitCode()).isEqualTo(1);
      assertThat(outcome.out()).isEmpty();
      assertThat(outcome.err()).contains("page.html cannot be written: there is no folder");
    }
  }
}
