package io.resfuse.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.Model;
import io.resfuse.Prediction;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.ProgressListener;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import javax.imageio.ImageIO;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** In one process, with two tasks at a time. */
class ResFuseTransformerTest {
  private static final String MODEL = "resnet20-fashion-mnist";
  private static final int PICTURES = 60;

  @TempDir static Path folder;
  private static SparkSession spark;

  @BeforeAll
  static void begin() throws IOException {
    writePictures(folder.resolve("pictures"), PICTURES);
    spark = Sessions.local(2, folder);
  }

  @AfterAll
  static void end() {
    spark.stop();
    ExecutorModels.closeIdle();
    assertThat(ExecutorModels.count()).isZero();
  }

  /** Grey pictures of random rectangles. */
  static void writePictures(Path target, int count) throws IOException {
    Files.createDirectories(target);
    Random random = new Random(20);
    for (int i = 0; i < count; i++) {
      BufferedImage image = new BufferedImage(28, 28, BufferedImage.TYPE_BYTE_GRAY);
      var graphics = image.createGraphics();
      for (int j = 0; j < 3; j++) {
        graphics.setColor(java.awt.Color.getHSBColor(0, 0, random.nextFloat()));
        graphics.fillRect(
            random.nextInt(14), random.nextInt(14), 4 + random.nextInt(14), 4 + random.nextInt(20));
      }
      graphics.dispose();
      ImageIO.write(image, "png", target.resolve(String.format("%05d.png", i)).toFile());
    }
  }

  static ResFuseTransformer transformer() {
    return new ResFuseTransformer().setModel(MODEL).setEngine("onednn").setTop(3);
  }

  static Dataset<Row> pictures(SparkSession session, Path from) {
    return session
        .read()
        .format("binaryFile")
        .option("pathGlobFilter", "*.png")
        .load(from.toString())
        .repartition(7)
        .select("path", "content");
  }

  /** What one process says of each file, one after the other. */
  static List<String> alone(Path from) throws IOException {
    List<String> answers = new ArrayList<>();
    try (Engine engine = Engines.open("onednn", EngineOptions.defaults().withBatchInvariant(true));
        Model model =
            Model.load(
                engine, PretrainedModel.of(MODEL).open(ProgressListener.NONE), Precision.FP32);
        var files = Files.newDirectoryStream(from, "*.png")) {
      for (Path file : files) {
        answers.add(file.getFileName() + " " + model.classify(file, 3));
      }
    }
    answers.sort(String::compareTo);
    return answers;
  }

  /** The same of rows with columns path and predictions. */
  static List<String> answers(List<Row> rows) {
    return rows.stream()
        .map(
            row -> {
              List<Row> best = row.getList(row.fieldIndex("predictions"));
              List<Prediction> predictions =
                  best.stream()
                      .map(p -> new Prediction(p.getInt(0), p.getString(1), p.getDouble(2)))
                      .toList();
              String path = row.getString(row.fieldIndex("path"));
              return path.substring(path.lastIndexOf('/') + 1) + " " + predictions;
            })
        .sorted()
        .toList();
  }

  @Test
  void answersAreThoseOfOneProcess() throws IOException {
    int made = ExecutorModels.made();
    Dataset<Row> answered =
        transformer().transform(pictures(spark, folder.resolve("pictures"))).cache();
    assertThat(answered.filter("error is not null").count()).isZero();
    assertThat(answers(answered.collectAsList()))
        .hasSize(PICTURES)
        .isEqualTo(alone(folder.resolve("pictures")));
    // Seven tasks, two at a time, have shared one model.
    assertThat(ExecutorModels.made() - made).isLessThanOrEqualTo(1);
    assertThat(ExecutorModels.count()).isEqualTo(1);
  }

  @Test
  void rowsKeepTheirOrderAndColumns() {
    Dataset<Row> paths =
        pictures(spark, folder.resolve("pictures")).select("path").orderBy("path").coalesce(1);
    List<Row> expected = paths.collectAsList();
    List<Row> rows = transformer().setInputCol("path").transform(paths).collectAsList();
    assertThat(rows).hasSize(PICTURES);
    for (int i = 0; i < rows.size(); i++) {
      assertThat(rows.get(i).getString(0)).isEqualTo(expected.get(i).getString(0));
    }
  }

  @Test
  void badPicturesGetAReason() throws IOException {
    Path bad = folder.resolve("bad");
    writePictures(bad, 3);
    Files.write(bad.resolve("broken.png"), new byte[] {1, 2, 3});
    Dataset<Row> rows =
        pictures(spark, bad)
            .union(
                spark.sql(
                    "select 'none' as path, cast(null as binary) as content"
                        + " union select 'empty', cast('' as binary)"));
    List<Row> answered = transformer().transform(rows).filter("error is not null").collectAsList();
    assertThat(answered).hasSize(3);
    for (Row row : answered) {
      assertThat(row.isNullAt(row.fieldIndex("predictions"))).isTrue();
      String path = row.getString(0);
      assertThat(row.getString(row.fieldIndex("error")))
          .contains(path.equals("none") ? "the picture is null" : "picture that was submitted");
    }
    List<Row> missing =
        transformer()
            .setInputCol("path")
            .transform(spark.sql("select '" + bad + "/nobody.png' as path"))
            .collectAsList();
    assertThat(missing.get(0).getString(2)).contains("nobody.png");
  }

  @Test
  void featuresAreTheFloatsOfAnOutput() throws IOException {
    Dataset<Row> rows = pictures(spark, folder.resolve("pictures")).limit(5);
    List<Row> answered =
        transformer()
            .setOutput("pooled")
            .setTop(0)
            .setOutputCol("features")
            .transform(rows)
            .collectAsList();
    try (Engine engine = Engines.open("onednn", EngineOptions.defaults().withBatchInvariant(true));
        Model model =
            Model.load(
                engine, PretrainedModel.of(MODEL).open(ProgressListener.NONE), Precision.FP32)) {
      for (Row row : answered) {
        var image = new ImageDecoder().decode(row.<byte[]>getAs("content"), "picture");
        float[] expected = model.run(List.of(image), Set.of("pooled")).get("pooled").toArray();
        List<Float> features = row.getList(row.fieldIndex("features"));
        assertThat(features).hasSize(64);
        for (int i = 0; i < expected.length; i++) {
          assertThat(features.get(i)).isEqualTo(expected[i]);
        }
      }
    }
  }

  @Test
  void parquetAtBothEndsAndAPipelineThatIsSaved() throws IOException {
    Path parquet = folder.resolve("pictures.parquet");
    Path saved = folder.resolve("pipeline");
    Path answers = folder.resolve("answers.parquet");
    pictures(spark, folder.resolve("pictures")).write().parquet(parquet.toString());
    Dataset<Row> rows = spark.read().parquet(parquet.toString());
    PipelineModel pipeline =
        new Pipeline().setStages(new PipelineStage[] {transformer()}).fit(rows);
    pipeline.transform(rows).write().parquet(answers.toString());
    pipeline.save(saved.toString());
    List<Row> again = PipelineModel.load(saved.toString()).transform(rows).collectAsList();
    assertThat(answers(again))
        .hasSize(PICTURES)
        .isEqualTo(answers(spark.read().parquet(answers.toString()).collectAsList()));
  }

  @Test
  void whatIsAskedIsCheckedBeforeAnythingRuns() {
    Dataset<Row> rows = pictures(spark, folder.resolve("pictures"));
    assertThatThrownBy(() -> transformer().setInputCol("picture").transform(rows))
        .hasMessage("there is no column 'picture'; there are path, content");
    assertThatThrownBy(
            () -> transformer().setInputCol("one").transform(spark.sql("select 1 as one")))
        .hasMessageStartingWith("column 'one' is of type int; pictures are binary");
    assertThatThrownBy(() -> transformer().setOutputCol("path").transform(rows))
        .hasMessageStartingWith("there is a column 'path' already");
    assertThatThrownBy(() -> transformer().setOutput("c3").transform(rows))
        .hasMessageStartingWith("classes are told from the logits, not from output 'c3'");
    assertThatThrownBy(() -> transformer().setBatchSizes(new int[] {0}).transform(rows))
        .hasMessageStartingWith("preferred batch sizes are");
    assertThatThrownBy(() -> transformer().setPrecision("fp8").transform(rows))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(
            () -> transformer().setModel("no-such-model").transform(rows).collectAsList())
        .hasStackTraceContaining("no pretrained model is named 'no-such-model'");
  }
}
