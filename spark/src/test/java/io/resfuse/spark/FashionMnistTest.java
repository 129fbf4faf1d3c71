package io.resfuse.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.IdxDatasets;
import io.resfuse.data.dataset.Parts;
import io.resfuse.data.dataset.Split;
import io.resfuse.data.image.Image;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Precision;
import io.resfuse.train.RunOptions;
import io.resfuse.train.Trainer;
import io.resfuse.train.TrainingListener;
import io.resfuse.train.TrainingResult;
import io.resfuse.train.recipe.RecipeReader;
import io.resfuse.train.run.TrainingSetup;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * ResNet-20 on Fashion-MNIST, by the library alone and by 1, 2 and 4 workers. Takes minutes, and so
 * runs only where {@code -Dfashion.mnist} names the folder of Debian's dataset-fashion-mnist;
 * {@code -Dresfuse.learned=60000} takes all pictures.
 */
class FashionMnistTest {
  private static final String[] SETTINGS = {"augment.padding=2", "augment.flip=0.5"};

  @TempDir Path folder;

  private static Dataset first(Dataset all, int count) {
    return all.subset(IntStream.range(0, Math.min(count, all.size())).toArray());
  }

  private static byte[] png(Image image) throws IOException {
    BufferedImage grey =
        new BufferedImage(image.width(), image.height(), BufferedImage.TYPE_BYTE_GRAY);
    grey.getRaster().setDataElements(0, 0, image.width(), image.height(), image.pixels());
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ImageIO.write(grey, "png", bytes);
    return bytes.toByteArray();
  }

  private static List<Row> rows(Dataset pictures, boolean measured, int from) throws IOException {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < pictures.size(); i++) {
      rows.add(RowFactory.create(png(pictures.image(i)), pictures.label(i), measured, from + i));
    }
    return rows;
  }

  @Test
  void theSameBitsAsByTheLibraryAlone() throws IOException {
    String where = System.getProperty("fashion.mnist");
    assumeTrue(where != null, "-Dfashion.mnist does not name a folder with Fashion-MNIST");
    Dataset learned =
        first(
            IdxDatasets.fashionMnist(Path.of(where), Split.TRAIN),
            Integer.getInteger("resfuse.learned", 2560));
    Dataset measured = first(IdxDatasets.fashionMnist(Path.of(where), Split.TEST), 1000);
    Map<String, String> recipe = new LinkedHashMap<>();
    for (String setting : SETTINGS) {
      recipe.put(setting.split("=")[0], setting.split("=")[1]);
    }
    recipe.putAll(Map.of("epochs", "2", "batch", "128", "seed", "3", "shards", "4"));
    TrainingSetup setup =
        TrainingSetup.of(RecipeReader.read(null, recipe), Parts.of(learned, measured), null, 1);
    TrainingResult alone;
    try (Engine engine = Engines.open("onednn", new EngineOptions(1, ""))) {
      alone =
          new Trainer(
                  engine,
                  setup.job(),
                  Precision.FP32,
                  RunOptions.defaults(),
                  null,
                  TrainingListener.NONE)
              .run();
    }
    System.out.printf("alone: top-1 %.4f%n", alone.evaluation().mainScore());
    SparkSession spark = Sessions.local(4, folder);
    try {
      List<Row> rows = rows(learned, false, 0);
      rows.addAll(rows(measured, true, learned.size()));
      StructType schema =
          new StructType()
              .add("content", DataTypes.BinaryType)
              .add("label", DataTypes.IntegerType)
              .add("measured", DataTypes.BooleanType)
              .add("number", DataTypes.IntegerType);
      for (int workers : new int[] {1, 2, 4}) {
        Path to = folder.resolve("by-" + workers);
        new ResFuseTrainer()
            .setPreprocessing("fashion-mnist")
            .setSettings(SETTINGS)
            .setValidationIndicatorCol("measured")
            .setOrderCol("number")
            .setEpochs(2)
            .setSeed(3)
            .setShards(4)
            .setNumWorkers(workers)
            .setEngine("onednn")
            .setThreads(1)
            .setCheckpointDir(to.toUri().toString())
            .fit(spark.createDataFrame(rows, schema).repartition(8));
        assertThat(Trainings.bits(to))
            .as("%d workers", workers)
            .usingRecursiveComparison()
            .isEqualTo(Trainings.bits(alone.parameters()));
        System.out.printf("%d workers: the same bits%n", workers);
      }
    } finally {
      spark.stop();
      ExecutorModels.closeIdle();
    }
  }
}
