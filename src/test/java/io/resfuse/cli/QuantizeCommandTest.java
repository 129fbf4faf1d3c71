package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code resfuse weights quantize}, and what takes its files. */
class QuantizeCommandTest {
  private static final String MODEL = "resnet20-fashion-mnist";
  private static final String PICTURES = "examples/fashion-mnist";

  @TempDir private Path folder;

  private Path output() {
    return folder.resolve("int8.safetensors");
  }

  private Outcome quantize(String... more) {
    String[] arguments = new String[6 + more.length];
    System.arraycopy(
        new String[] {"weights", "quantize", MODEL, "--output", output().toString(), "--json"},
        0,
        arguments,
        0,
        6);
    System.arraycopy(more, 0, arguments, 6, more.length);
    return Outcome.of(arguments);
  }

  /**
   * The same file from any number of threads; what it says of pictures is what fp32 says, but of
   * one that fp32 takes for a shirt with 0.50 and for a T-shirt with 0.49.
   */
  @Test
  void quantisedWeightsClassify() throws IOException {
    Outcome done = quantize("--calibrate", PICTURES, "--threads", "1");
    assertThat(done.exitCode()).as(done.err()).isZero();
    assertThat(done.out())
        .containsPattern("\"top1_agreement\":(0.9|1.0),")
        .containsPattern(
            "\"images_per_second\":\\{\"engine\":\"onednn\",\"batch\":8,\"fp32\":[0-9.E]+,\"int8\":[0-9.E]+,"
                + "\"ratio\":[0-9.E]+}")
        .contains("\"method\":\"mse\"", "\"name\":\"layer3.2.conv2\"");
    byte[] one = Files.readAllBytes(output());
    Outcome other = quantize("--calibrate", PICTURES, "--threads", "3", "--report-on", "examples");
    assertThat(other.out()).contains("\"pictures\":10", "\"compared_pictures\":13");
    assertThat(Files.readAllBytes(output())).isEqualTo(one);
    List<String> floats = classes(classify(MODEL, "fp32"));
    List<String> integers = classes(classify(output().toString(), "int8", "--engine", "onednn"));
    assertThat(classes(classify(output().toString(), "int8", "--engine", "reference")))
        .isEqualTo(integers);
    assertThat(floats).hasSize(20);
    assertThat(IntStream.range(0, 20).filter(i -> !floats.get(i).equals(integers.get(i))).count())
        .isLessThanOrEqualTo(1);
    Outcome info = Outcome.of("weights", "info", output().toString());
    assertThat(info.out()).contains("conv1.weight INT8 16x1x3x3", "int8 weights, method mse");
    Outcome again =
        Outcome.of(
            "weights",
            "quantize",
            output().toString(),
            "--calibrate",
            PICTURES,
            "-o",
            folder.resolve("again.safetensors").toString());
    assertThat(again.exitCode()).isEqualTo(1);
    assertThat(again.err()).contains("quantised already");
  }

  /** Integers stay what they are, unless floats are asked for. */
  @Test
  void quantisedWeightsConvert() {
    assertThat(quantize("--calibrate", PICTURES, "--method", "minmax").exitCode()).isZero();
    Path copy = folder.resolve("copy.safetensors");
    assertThat(convert(copy).out()).contains("in int8");
    assertThat(copy).hasSameBinaryContentAs(output());
    Path asFloats = folder.resolve("floats.safetensors");
    assertThat(convert(asFloats, "--float").out()).contains("its int8 weights are float32 there");
    assertThat(Outcome.of("weights", "info", asFloats.toString()).out())
        .contains("conv1.weight FLOAT32 16x1x3x3")
        .doesNotContain("int8");
    Path onnx = folder.resolve("int8.onnx");
    assertThat(convert(onnx).out()).contains("in int8");
    Path back = folder.resolve("back.safetensors");
    assertThat(Outcome.of("weights", "convert", onnx.toString(), back.toString()).out())
        .contains("in int8");
    assertThat(Outcome.of("weights", "info", back.toString()).out())
        .contains("conv1.weight INT8 16x1x3x3");
    assertThat(classes(classify(onnx.toString(), "int8")))
        .isEqualTo(classes(classify(output().toString(), "int8")));
    Path rounded = folder.resolve("rounded.onnx");
    assertThat(convert(rounded, "--round-before-add").out()).contains("in int8");
    assertThat(classes(classify(rounded.toString(), "int8")))
        .isEqualTo(classes(classify(onnx.toString(), "int8")));
    assertThat(
            Outcome.of(
                    "weights",
                    "convert",
                    output().toString(),
                    copy.toString(),
                    "--round-before-add")
                .exitCode())
        .isEqualTo(2);
    Path floatOnnx = folder.resolve("floats.onnx");
    assertThat(convert(floatOnnx, "--float").out()).contains("float32 there");
    assertThat(onnx.toFile().length()).isLessThan(floatOnnx.toFile().length() / 3);
  }

  private Outcome convert(Path to, String... more) {
    String[] arguments = new String[4 + more.length];
    System.arraycopy(
        new String[] {"weights", "convert", output().toString(), to.toString()},
        0,
        arguments,
        0,
        4);
    System.arraycopy(more, 0, arguments, 4, more.length);
    Outcome outcome = Outcome.of(arguments);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    return outcome;
  }

  private static Outcome classify(String weights, String precision, String... more) {
    String[] arguments = new String[8 + more.length];
    System.arraycopy(
        new String[] {
          "classify", "--weights", weights, "--precision", precision, "--top", "1", PICTURES
        },
        0,
        arguments,
        0,
        8);
    System.arraycopy(more, 0, arguments, 8, more.length);
    Outcome outcome = Outcome.of(arguments);
    assertThat(outcome.exitCode()).as(outcome.err()).isZero();
    return outcome;
  }

  /** The classes without their probabilities. */
  private static List<String> classes(Outcome outcome) {
    return outcome.out().lines().map(line -> line.replaceFirst("^  [0-9.]+ ", "")).toList();
  }

  /** Networks of four channels are calibrated on what they will be given: alpha, too. */
  @Test
  void alphaIsCalibratedOn() throws IOException {
    Path resources = Path.of("src/test/resources/io/resfuse");
    Path transparent = Files.createDirectory(folder.resolve("transparent"));
    Path opaque = Files.createDirectory(folder.resolve("opaque"));
    Files.copy(resources.resolve("data/pictures/rgba.png"), transparent.resolve("one.png"));
    Files.copy(resources.resolve("data/pictures/rgb.png"), opaque.resolve("one.png"));
    byte[][] written = new byte[2][];
    for (int i = 0; i < written.length; i++) {
      Path file = folder.resolve(i + ".safetensors");
      Outcome outcome =
          Outcome.of(
              "weights",
              "quantize",
              resources.resolve("rgba.pth").toString(),
              "--calibrate",
              (i == 0 ? transparent : opaque).toString(),
              "-o",
              file.toString());
      assertThat(outcome.exitCode()).as(outcome.err()).isZero();
      written[i] = Files.readAllBytes(file);
    }
    // The pictures have the same colours.
    assertThat(written[0]).isNotEqualTo(written[1]);
  }

  @Test
  void floatsAreRefusedInInt8() {
    Outcome outcome = Outcome.of("classify", "--weights", MODEL, "--precision", "int8", PICTURES);
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.err()).contains("not quantised", "weights quantize");
  }

  @Test
  void badCalibrationGetsOneLine() throws IOException {
    Path empty = Files.createDirectory(folder.resolve("empty"));
    refused(quantize("--calibrate", empty.toString()), "no pictures");
    refused(quantize("--calibrate", folder.resolve("nowhere").toString()), "nowhere");
    Path black = Files.createDirectory(folder.resolve("black"));
    BufferedImage picture = new BufferedImage(28, 28, BufferedImage.TYPE_BYTE_GRAY);
    ImageIO.write(picture, "png", black.resolve("one.png").toFile());
    ImageIO.write(picture, "png", black.resolve("two.png").toFile());
    refused(quantize("--calibrate", black.toString()), "one colour");
    refused(quantize("--calibrate", PICTURES, "--keep", "layer7"), "'layer7'");
    assertThat(output()).doesNotExist();
  }

  private static void refused(Outcome outcome, String expected) {
    assertThat(outcome.exitCode()).isEqualTo(1);
    assertThat(outcome.err().lines().filter(line -> !line.startsWith("INFO")))
        .singleElement()
        .satisfies(line -> assertThat(line).startsWith("resfuse: ").contains(expected));
  }

  @Test
  void wrongOptionsAreWrongUse() {
    assertThat(quantize("--calibrate", PICTURES, "--method", "kl").exitCode()).isEqualTo(2);
    assertThat(quantize("--calibrate", PICTURES, "--percentile", "10").exitCode()).isNotZero();
    assertThat(quantize("--calibrate", PICTURES, "--pictures", "0").exitCode()).isEqualTo(2);
    assertThat(quantize().exitCode()).isEqualTo(2);
  }

  /** Integers are verified against those of the reference engine. */
  @Test
  void verifyRunsInInt8() {
    Outcome outcome =
        Outcome.of(
            "verify",
            "--engine",
            "onednn",
            "--precision",
            "int8",
            "--network",
            "resnet20",
            "--size",
            "16",
            "--levels",
            "block,network,training");
    assertThat(outcome.exitCode()).as(outcome.out() + outcome.err()).isZero();
    assertThat(outcome.out())
        .contains("against reference in int8", "network resnet20, 2 of 16x16")
        .doesNotContain("frozen");
  }

  /** Benchmarks quantise what they time, and hold it against float64. */
  @Test
  void benchmarksRunInInt8() {
    Outcome outcome =
        Outcome.of(
            "bench",
            "--network",
            "resnet20",
            "--engine",
            "onednn",
            "--precision",
            "fp32,int8",
            "--batch",
            "2",
            "--rounds",
            "1",
            "--seconds",
            "0.05",
            "--layers");
    assertThat(outcome.exitCode()).as(outcome.out() + outcome.err()).isZero();
    assertThat(outcome.out()).contains("int8");
  }
}
