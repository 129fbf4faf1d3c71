package io.resfuse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.data.Jpegs;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.data.image.Reduction;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.ProgressListener;
import io.resfuse.weights.format.WeightsException;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Compiles and runs the programs in examples/, with the real ImageNet ResNet-50. */
class ExamplesTest {
  private static final Path EXAMPLES = Path.of("examples");
  private static final String CAT = EXAMPLES.resolve("chelsea.png").toString();

  @TempDir Path folder;

  private static ModelFile resNet50() {
    try {
      return PretrainedModel.RESNET50_IMAGENET.open(ProgressListener.NONE);
    } catch (WeightsException e) {
      assumeTrue(false, "the ImageNet ResNet-50 cannot be had here: " + e.getMessage());
      throw e;
    }
  }

  private String run(String name, String... arguments) throws Exception {
    int status =
        ToolProvider.getSystemJavaCompiler()
            .run(
                InputStream.nullInputStream(),
                System.out,
                System.err,
                "-cp",
                System.getProperty("java.class.path"),
                "-d",
                folder.toString(),
                "-proc:none",
                EXAMPLES.resolve(name + ".java").toString());
    assertThat(status).isZero();
    PrintStream real = System.out;
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (URLClassLoader loader = new URLClassLoader(new URL[] {folder.toUri().toURL()})) {
      System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
      loader.loadClass(name).getMethod("main", String[].class).invoke(null, (Object) arguments);
    } finally {
      System.setOut(real);
    }
    return out.toString(StandardCharsets.UTF_8);
  }

  @Test
  void classifies() throws Exception {
    resNet50();
    assertThat(run("ClassifyPicture", CAT)).startsWith("0.75").contains("Egyptian_cat");
  }

  /** Scaled decoding changes pixels, not answers. */
  @Test
  void seesTheSameInScaledPictures() throws Exception {
    Reduction needed = Preprocessing.of("keras-caffe").reduction();
    ImageDecoder decoder = new ImageDecoder();
    try (Engine engine = Engines.open("onednn", EngineOptions.defaults());
        Model model = Model.load(engine, resNet50(), Precision.FP32)) {
      for (String name : List.of("chelsea.png", "china.jpg", "coffee.png")) {
        for (int width : List.of(700, 1500, 4000)) {
          Path file = folder.resolve("large.jpg");
          Jpegs.write(EXAMPLES.resolve(name), width, width * 3 / 4, file);
          Image whole = decoder.read(file);
          Image reduced = decoder.read(file, new PixelScratch(), needed);
          List<List<Prediction>> both = model.classify(List.of(whole, reduced), 1);
          assertThat(both.get(1).get(0).label()).isEqualTo(both.get(0).get(0).label());
          assertThat(both.get(1).get(0).probability())
              .isCloseTo(both.get(0).get(0).probability(), within(0.15));
        }
      }
    }
  }

  @Test
  void extractsFeatures() throws Exception {
    resNet50();
    assertThat(run("ExtractFeatures", CAT)).contains("c2 1x256x56x56", "c5 1x2048x7x7");
  }

  @Test
  void sharesAModel() throws Exception {
    resNet50();
    String coffee = EXAMPLES.resolve("coffee.png").toString();
    assertThat(run("SharedByThreads", CAT, coffee).lines())
        .hasSize(4)
        .allMatch(line -> line.contains("Egyptian_cat") || line.contains("espresso"));
  }

  @Test
  void formsBatches() throws Exception {
    resNet50();
    String coffee = EXAMPLES.resolve("coffee.png").toString();
    assertThat(run("DynamicBatching", CAT, coffee, "pom.xml").lines())
        .satisfiesExactly(
            line -> assertThat(line).contains("Egyptian_cat"),
            line -> assertThat(line).contains("espresso"),
            line -> assertThat(line).contains("the picture that was submitted"));
  }

  @Test
  void trains() throws Exception {
    List<Double> losses =
        run("ForwardBackward")
            .lines()
            .filter(line -> line.startsWith("step"))
            .map(line -> Double.valueOf(line.replaceAll(".*loss ([0-9.]+),.*", "$1")))
            .toList();
    assertThat(losses).hasSize(10);
    assertThat(losses.get(9)).isLessThan(losses.get(0) / 2);
  }

  /** What Keras's ResNet-50 says of the pictures; see examples/SOURCES.md. */
  @ParameterizedTest
  @CsvSource({
    "reference, fp64, 0.005",
    "onednn,    fp32, 0.005",
    "onednn,    bf16, 0.02",
  })
  void answersAsKerasDoes(String engineName, String precision, double tolerance) {
    ModelFile file = resNet50();
    try (Engine engine = Engines.open(engineName, EngineOptions.defaults())) {
      Precision chosen = Precision.parse(precision);
      assumeTrue(
          engine.whyNot(chosen, Engine.Mode.INFERENCE).isEmpty(), "not on this CPU: " + precision);
      try (Model model = Model.load(engine, file, chosen)) {
        List<Prediction> cat = model.classify(EXAMPLES.resolve("chelsea.png"), 3);
        assertThat(cat.stream().map(Prediction::label))
            .containsExactly("Egyptian_cat", "tiger_cat", "tabby");
        assertThat(cat.get(0).probability()).isCloseTo(0.75, within(tolerance));
        assertThat(cat.get(1).probability()).isCloseTo(0.15, within(tolerance));
        assertThat(cat.get(2).probability()).isCloseTo(0.09, within(tolerance));
        Prediction coffee = model.classify(EXAMPLES.resolve("coffee.png"), 1).get(0);
        assertThat(coffee.label()).isEqualTo("espresso");
        assertThat(coffee.probability()).isCloseTo(0.99, within(tolerance));
        Prediction china = model.classify(EXAMPLES.resolve("china.jpg"), 1).get(0);
        assertThat(china.label()).isEqualTo("palace");
        assertThat(china.probability()).isCloseTo(0.72, within(tolerance));
      }
    }
  }
}
