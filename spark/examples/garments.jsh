// Pictures on Spark, step by step: classify, keep features, train, save, and load again.
//
//     mvn -Dquick install && mvn -f spark/pom.xml package
//     spark/examples/run spark/examples/garments.jsh
//
// The steps are the same in a spark-shell, in a notebook, or in PySpark.

import io.resfuse.spark.*
import org.apache.spark.ml.*
import org.apache.spark.sql.*
import static org.apache.spark.sql.functions.*

var spark = SparkSession.builder().master("local[2]").appName("garments").config("spark.ui.enabled", false).config("spark.log.level", "OFF").getOrCreate()

// Ten garments; what each is, its file is called.
Dataset<Row> garments = spark.read().format("binaryFile").load("examples/fashion-mnist/*.png")
garments = garments.select(col("content"), regexp_extract(col("path"), "([^/]+)[.]png$", 1).as("name"))

// The network in the library's jar knows them.
Dataset<Row> answers = new ResFuseTransformer().setModel("resnet20-fashion-mnist").setTop(1).transform(garments)
answers.selectExpr("name", "predictions[0].label as label", "round(predictions[0].probability, 3) as probability").orderBy("name").show()

// What its last block says of each, for a classifier of one's own.
Dataset<Row> features = new ResFuseTransformer().setModel("resnet20-fashion-mnist").setTop(0).setOutput("pooled").setOutputCol("features").transform(garments)
features.selectExpr("name", "size(features) as features", "error").orderBy("name").show(3)

// A network of one's own, by two workers that add their gradients: it learns the ten by heart.
Dataset<Row> lesson = garments.crossJoin(spark.range(8)).selectExpr("content", "name", "id", "id = 0 as held_out")
ResFuseTrainer trainer = new ResFuseTrainer().setNetwork("resnet8").setLabelCol("name").setValidationIndicatorCol("held_out")
trainer.setSettings(new String[] {"preprocessing=fashion-mnist"}).setEpochs(12).setBatch(10).setLearningRate(0.05).setShards(2).setNumWorkers(2)
String folder = java.nio.file.Files.createTempDirectory("garments-").toString()
trainer.setSeed(1).setThreads(1).setCheckpointDir(folder + "/training")
PipelineModel learned = new Pipeline().setStages(new PipelineStage[] {trainer}).fit(lesson)

// Saved and loaded as any pipeline; the workers' checkpoints stay in their folder.
learned.write().overwrite().save(folder + "/pipeline")
Dataset<Row> recited = PipelineModel.load(folder + "/pipeline").transform(garments)
long right = recited.filter("predictions[0].label = name").count()
System.out.println("learned " + right + " of " + garments.count() + " garments")

spark.stop()
/exit
