package io.resfuse.spark;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.FileDataset;
import io.resfuse.data.dataset.Parts;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.train.RunOptions;
import io.resfuse.train.Trainer;
import io.resfuse.train.TrainingListener;
import io.resfuse.train.recipe.RecipeReader;
import io.resfuse.train.run.TrainingSetup;
import io.resfuse.weights.ModelFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** A small training: resnet8 on 8 x 8 pixels, 2 epochs of 6 batches of 8, in 4 shards. */
final class Trainings {
  private static final int LEARNED = 50;
  private static final int MEASURED = 20;
  private static final String[] SETTINGS = {
    "preprocessing=fashion-mnist@8:8", "augment.flip=0.5", "augment.mixup=0.2", "average.decay=0.9"
  };

  private Trainings() {}

  /** Pictures; those from 50 on are for validation. */
  static void write(Path folder) throws IOException {
    ResFuseTransformerTest.writePictures(folder, LEARNED + MEASURED);
  }

  private static int label(int i) {
    return i % 3;
  }

  static org.apache.spark.sql.Dataset<Row> rows(SparkSession spark, Path folder) {
    return ResFuseTransformerTest.pictures(spark, folder)
        .selectExpr(
            "path", "content", "cast(regexp_extract(path, '([0-9]+).png', 1) as int) as number")
        .selectExpr("*", "number % 3 as label", "number >= " + LEARNED + " as measured");
  }

  static ResFuseTrainer trainer(Path checkpoints) {
    return new ResFuseTrainer()
        .setNetwork("resnet8")
        .setValidationIndicatorCol("measured")
        .setOrderCol("number")
        .setSettings(SETTINGS)
        .setEpochs(2)
        .setBatch(8)
        .setLearningRate(0.05)
        .setSeed(5)
        .setShards(4)
        .setEngine("onednn")
        .setThreads(1)
        .setCheckpointDir(checkpoints.toUri().toString());
  }

  /** What the library's own training gives in one process. */
  static Map<String, int[]> alone(Path pictures, int epochs) throws IOException {
    StringBuilder lines = new StringBuilder("path,label\n");
    for (int i = 0; i < LEARNED + MEASURED; i++) {
      lines.append(String.format("%05d.png,%d%n", i, label(i)));
    }
    Path list = Files.writeString(pictures.resolve("list.csv"), lines);
    Dataset all = FileDataset.list(list, new ImageDecoder());
    Parts parts =
        Parts.of(
            all.subset(IntStream.range(0, LEARNED).toArray()),
            all.subset(IntStream.range(LEARNED, all.size()).toArray()));
    Map<String, String> recipe = new LinkedHashMap<>();
    for (String setting : SETTINGS) {
      recipe.put(setting.split("=")[0], setting.split("=")[1]);
    }
    recipe.putAll(
        Map.of(
            "network", "resnet8",
            "epochs", "" + epochs,
            "batch", "8",
            "seed", "5",
            "shards", "4",
            "schedule.learning_rate", "0.05"));
    TrainingSetup setup = TrainingSetup.of(RecipeReader.read(null, recipe), parts, null, 1);
    try (Engine engine = Engines.open("onednn", new EngineOptions(1, ""))) {
      return bits(
          new Trainer(
                  engine,
                  setup.job(),
                  Precision.FP32,
                  RunOptions.defaults(),
                  null,
                  TrainingListener.NONE)
              .run()
              .parameters());
    }
  }

  /** Of the model that a training has left in its folder. */
  static Map<String, int[]> bits(Path folder) {
    Map<String, int[]> bits =
        bits(ModelFile.open(folder.resolve("model.safetensors")).parameters());
    assertThat(bits).isNotEmpty();
    return bits;
  }

  static Map<String, int[]> bits(Parameters parameters) {
    Map<String, int[]> bits = new HashMap<>();
    parameters
        .asMap()
        .forEach(
            (name, tensor) -> {
              float[] values = tensor.toArray();
              bits.put(
                  name,
                  IntStream.range(0, values.length)
                      .map(i -> Float.floatToRawIntBits(values[i]))
                      .toArray());
            });
    return bits;
  }
}
