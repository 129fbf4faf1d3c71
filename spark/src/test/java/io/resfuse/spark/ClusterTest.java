package io.resfuse.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * With executors in processes of their own. {@code -Dresfuse.pictures=2000 -Dresfuse.executors=4}
 * has more of both.
 */
class ClusterTest {
  @TempDir Path folder;

  @Test
  void answersAreThoseOfOneProcess() throws Exception {
    int count = Integer.getInteger("resfuse.pictures", 40);
    Path pictures = folder.resolve("pictures");
    ResFuseTransformerTest.writePictures(pictures, count);
    SparkSession spark = Sessions.cluster(Integer.getInteger("resfuse.executors", 2), folder);
    try {
      Dataset<Row> answered =
          ResFuseTransformerTest.transformer()
              .transform(ResFuseTransformerTest.pictures(spark, pictures));
      assertThat(ResFuseTransformerTest.answers(answered.collectAsList()))
          .hasSize(count)
          .isEqualTo(ResFuseTransformerTest.alone(pictures));
    } finally {
      spark.stop();
    }
    // This process is the driver, which has loaded nothing.
    assertThat(ExecutorModels.count()).isZero();
  }
}
