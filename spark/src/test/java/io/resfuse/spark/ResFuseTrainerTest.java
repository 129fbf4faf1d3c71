package io.resfuse.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** In one process, with four tasks at a time. */
class ResFuseTrainerTest {
  @TempDir static Path folder;
  private static SparkSession spark;

  @BeforeAll
  static void begin() throws IOException {
    Trainings.write(folder.resolve("pictures"));
    spark = Sessions.local(4, folder);
  }

  @AfterAll
  static void end() {
    spark.stop();
    ExecutorModels.closeIdle();
    assertThat(ExecutorModels.count()).isZero();
  }

  private static org.apache.spark.sql.Dataset<Row> rows() {
    return Trainings.rows(spark, folder.resolve("pictures"));
  }

  /** Also by paths, and with a model that classifies rows at once. */
  @Test
  void workersChangeNoBit() throws IOException {
    var alone = Trainings.alone(folder.resolve("pictures"), 2);
    for (int workers : new int[] {1, 2, 4}) {
      Path to = folder.resolve("by-" + workers);
      ResFuseTrainer trainer = Trainings.trainer(to).setNumWorkers(workers);
      ResFuseTransformer model =
          trainer.setInputCol(workers == 2 ? "path" : "content").fit(rows().repartition(workers));
      assertThat(Trainings.bits(to)).usingRecursiveComparison().isEqualTo(alone);
      assertThat(model.parent()).isSameAs(trainer);
      if (workers < 4) {
        continue;
      }
      List<Row> answers = model.setTop(1).transform(rows()).collectAsList();
      assertThat(answers).hasSize(70);
      for (Row row : answers) {
        assertThat(row.isNullAt(row.fieldIndex("error"))).isTrue();
        assertThat(row.<Row>getList(row.fieldIndex("predictions"))).hasSize(1);
      }
    }
    // Of each worker's folder nothing is left.
    try (Stream<Path> left = Files.walk(folder.resolve("spark"))) {
      assertThat(left.map(Path::getFileName).map(Path::toString))
          .noneMatch(name -> name.startsWith("resfuse-training-"));
    }
  }

  /** A lost training leaves its checkpoints: those of a whole one, less the last and the model. */
  @Test
  void goesOnWithAnotherNumberOfWorkers() throws IOException {
    Path whole = folder.resolve("whole");
    Path broken = folder.resolve("broken");
    Trainings.trainer(whole).setCheckpointEvery(4).setNumWorkers(4).fit(rows());
    List<String> kept = names(whole);
    assertThat(kept)
        .contains("best.safetensors", "step-000000008.safetensors", "step-000000012.safetensors");
    Files.createDirectories(broken);
    for (String name : List.of("step-000000008.safetensors", "best.safetensors", "rows.txt")) {
      Files.copy(whole.resolve(name), broken.resolve(name));
    }
    Trainings.trainer(broken).setCheckpointEvery(4).setNumWorkers(2).fit(rows());
    assertThat(Trainings.bits(broken)).usingRecursiveComparison().isEqualTo(Trainings.bits(whole));
    assertThat(names(broken)).noneMatch(name -> name.startsWith("."));
    // Other rows are another training, and so is another recipe.
    assertThatThrownBy(() -> Trainings.trainer(broken).fit(rows().filter("number <> 3")))
        .hasMessageContaining("has a training on other rows (70 rows");
    assertThatThrownBy(() -> Trainings.trainer(broken).setSeed(6).fit(rows()))
        .hasMessageContaining("the checkpoint was made with another recipe");
  }

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> !name.endsWith(".crc"))
          .toList();
    }
  }

  @Test
  void isAStageOfPipelinesThatCanBeSaved() throws IOException {
    Path to = folder.resolve("stage");
    Pipeline pipeline =
        new Pipeline().setStages(new PipelineStage[] {Trainings.trainer(to).setEpochs(1)});
    pipeline.write().overwrite().save(folder.resolve("pipeline").toString());
    PipelineModel model = Pipeline.load(folder.resolve("pipeline").toString()).fit(rows());
    model.write().overwrite().save(folder.resolve("model").toString());
    var again = PipelineModel.load(folder.resolve("model").toString());
    var sorted = again.transform(rows()).orderBy("number").select("predictions");
    assertThat(sorted.collectAsList())
        .isEqualTo(model.transform(rows()).orderBy("number").select("predictions").collectAsList());
  }

  @Test
  void refusesWhatCannotBe() {
    Path to = folder.resolve("none");
    refuses(Trainings.trainer(to).setNumWorkers(8), "8 workers cannot share batches of 4 shards");
    refuses(Trainings.trainer(to).setNumWorkers(3), "3 workers cannot share");
    refuses(Trainings.trainer(to).setCheckpointDir(""), "checkpointDir is not set");
    refuses(Trainings.trainer(to).setLabelCol("content"), "names or whole numbers are needed");
    refuses(Trainings.trainer(to).setOrderCol("measured"), "strings or whole numbers are needed");
    refuses(Trainings.trainer(to).setLabelCol("x"), "there is no column 'x'; there are path");
    refuses(Trainings.trainer(to).setBatch(10), "batch is 10, which 4 shards cannot share");
    refuses(Trainings.trainer(to).setSettings(new String[] {"a"}), "setting 'a' has no '='");
    assertThat(Arrays.stream(to.getParent().toFile().list())).doesNotContain("none");
  }

  private static void refuses(ResFuseTrainer trainer, String what) {
    assertThatThrownBy(() -> trainer.fit(rows()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(what);
  }
}
