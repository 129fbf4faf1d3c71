package io.resfuse.spark;

import io.resfuse.batch.BatchOptions;
import io.resfuse.engine.Precision;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.ml.Model;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.IntArrayParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.ml.util.Identifiable;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;

/**
 * Runs a ResNet over a column of pictures. The input column has the bytes of pictures' files
 * (binary, as the data source {@code binaryFile} and Parquet give them) or their paths (strings, in
 * any file system that Hadoop knows). The rows keep their order and get two columns more:
 *
 * <ul>
 *   <li>{@code outputCol}: the {@code top} most probable classes, best first, as an array of
 *       (index: int, label: string, probability: double), or, with {@code top} 0, the floats of the
 *       network's {@code output}, in the order (channels, height, width)
 *   <li>{@code errorCol}: null, or why a picture cannot be read; its {@code outputCol} is null
 *       then. All other failures fail the task
 * </ul>
 *
 * <p>An executor has one engine and one copy of the weights for all its tasks, whose pictures share
 * batches. Where Spark's scheduler assigns GPUs to tasks ({@code spark.task.resource.gpu.amount}),
 * an executor has one for each GPU. By default an answer has the same bits whatever the cluster,
 * the partitions and the batches are, as long as executors have CPUs with the same instruction set.
 *
 * <p>It can be part of a {@code Pipeline}, and be saved with it. {@link ResFuseTrainer} gives one.
 */
public final class ResFuseTransformer extends Model<ResFuseTransformer>
    implements DefaultParamsWritable {
  private static final StructType PREDICTION =
      new StructType()
          .add("index", DataTypes.IntegerType, false)
          .add("label", DataTypes.StringType, false)
          .add("probability", DataTypes.DoubleType, false);

  private final String uid;
  private final Param<String> inputCol;
  private final Param<String> outputCol;
  private final Param<String> errorCol;
  private final Param<String> model;
  private final Param<String> engine;
  private final Param<String> device;
  private final Param<String> precision;
  private final Param<String> preprocessing;
  private final Param<String> output;
  private final IntParam top;
  private final IntParam threads;
  private final IntArrayParam batchSizes;
  private final IntParam queueDelayMillis;
  private final BooleanParam batchInvariant;

  /** With the defaults, for the pretrained ResNet-50 and column {@code content}. */
  public ResFuseTransformer() {
    this(Identifiable.randomUID("resfuse"));
  }

  /**
   * With a name of its own, as a saved pipeline has it.
   *
   * @param uid unique in a pipeline
   */
  public ResFuseTransformer(String uid) {
    this.uid = uid;
    // Parameters ask for the name of what they belong to when they are made.
    this.inputCol = new Param<>(this, "inputCol", "column with pictures: bytes of files, or paths");
    this.outputCol =
        new Param<>(this, "outputCol", "column for classes, or floats of the network's output");
    this.errorCol = new Param<>(this, "errorCol", "column for why a picture cannot be read");
    this.model =
        new Param<>(
            this,
            "model",
            "name of a pretrained model, a file that each executor can read, or one that was given"
                + " to SparkContext.addFile");
    this.engine = new Param<>(this, "engine", "auto, onednn, cuda, cudnn or reference");
    this.device =
        new Param<>(
            this,
            "device",
            "of the engine; empty for what Spark assigns to the task, or else the first");
    this.precision =
        new Param<>(this, "precision", "fp32, tf32, bf16 or fp16; fp64 on engine reference");
    this.preprocessing = new Param<>(this, "preprocessing", "a preset; empty for the model's");
    this.output = new Param<>(this, "output", "of the network: logits, pooled, c2 to c5");
    this.top = new IntParam(this, "top", "how many classes; 0 for the floats of the output");
    this.threads =
        new IntParam(this, "threads", "CPU threads of the engine; 0 for the executor's cores");
    this.batchSizes =
        new IntArrayParam(this, "batchSizes", "images per batch for which plans are made");
    this.queueDelayMillis =
        new IntParam(
            this, "queueDelayMillis", "how long a picture waits for others on a free device");
    this.batchInvariant =
        new BooleanParam(this, "batchInvariant", "whether answers have the same bits in any batch");
    setDefault(inputCol, "content");
    setDefault(outputCol, "predictions");
    setDefault(errorCol, "error");
    setDefault(model, "resnet50-imagenet");
    setDefault(engine, "auto");
    setDefault(device, "");
    setDefault(precision, "fp32");
    setDefault(preprocessing, "");
    setDefault(output, "logits");
    setDefault(top, 5);
    setDefault(threads, 0);
    setDefault(batchSizes, new int[] {1, 4, 16});
    setDefault(queueDelayMillis, 5);
    setDefault(batchInvariant, true);
  }

  @Override
  public String uid() {
    return uid;
  }

  /**
   * The parameter for the column with pictures.
   *
   * @return the parameter
   */
  public Param<String> inputCol() {
    return inputCol;
  }

  /**
   * Sets the column with pictures.
   *
   * @param value its name; the default is {@code content}, as {@code binaryFile} has it
   * @return this
   */
  public ResFuseTransformer setInputCol(String value) {
    set(inputCol, value);
    return this;
  }

  /**
   * The parameter for the column for answers.
   *
   * @return the parameter
   */
  public Param<String> outputCol() {
    return outputCol;
  }

  /**
   * Sets the column for answers.
   *
   * @param value its name; the default is {@code predictions}
   * @return this
   */
  public ResFuseTransformer setOutputCol(String value) {
    set(outputCol, value);
    return this;
  }

  /**
   * The parameter for the column for reasons.
   *
   * @return the parameter
   */
  public Param<String> errorCol() {
    return errorCol;
  }

  /**
   * Sets the column for reasons.
   *
   * @param value its name; the default is {@code error}
   * @return this
   */
  public ResFuseTransformer setErrorCol(String value) {
    set(errorCol, value);
    return this;
  }

  /**
   * The parameter for the model.
   *
   * @return the parameter
   */
  public Param<String> model() {
    return model;
  }

  /**
   * Sets the model.
   *
   * @param value name of a pretrained model, a file that each executor can read, or one that was
   *     given to {@code SparkContext.addFile}; the default is {@code resnet50-imagenet}
   * @return this
   */
  public ResFuseTransformer setModel(String value) {
    set(model, value);
    return this;
  }

  /**
   * The parameter for the engine.
   *
   * @return the parameter
   */
  public Param<String> engine() {
    return engine;
  }

  /**
   * Sets the engine.
   *
   * @param value a name; the default is {@code auto}
   * @return this
   */
  public ResFuseTransformer setEngine(String value) {
    set(engine, value);
    return this;
  }

  /**
   * The parameter for the device.
   *
   * @return the parameter
   */
  public Param<String> device() {
    return device;
  }

  /**
   * Sets the device.
   *
   * @param value of the engine; empty, the default, for what Spark assigns to the task, or else the
   *     first
   * @return this
   */
  public ResFuseTransformer setDevice(String value) {
    set(device, value);
    return this;
  }

  /**
   * The parameter for the precision.
   *
   * @return the parameter
   */
  public Param<String> precision() {
    return precision;
  }

  /**
   * Sets the precision.
   *
   * @param value the default is {@code fp32}
   * @return this
   */
  public ResFuseTransformer setPrecision(String value) {
    set(precision, value);
    return this;
  }

  /**
   * The parameter for how pictures are prepared.
   *
   * @return the parameter
   */
  public Param<String> preprocessing() {
    return preprocessing;
  }

  /**
   * Sets how pictures are prepared.
   *
   * @param value name of a preset; empty, the default, for the model's
   * @return this
   */
  public ResFuseTransformer setPreprocessing(String value) {
    set(preprocessing, value);
    return this;
  }

  /**
   * The parameter for the output of the network.
   *
   * @return the parameter
   */
  public Param<String> output() {
    return output;
  }

  /**
   * Sets the output of the network.
   *
   * @param value {@code logits}, the default, {@code pooled}, or a stage, {@code c2} to {@code c5}
   * @return this
   */
  public ResFuseTransformer setOutput(String value) {
    set(output, value);
    return this;
  }

  /**
   * The parameter for how many classes are wanted.
   *
   * @return the parameter
   */
  public IntParam top() {
    return top;
  }

  /**
   * Sets how many classes are wanted.
   *
   * @param value 5 by default; 0 for the floats of the output
   * @return this
   */
  public ResFuseTransformer setTop(int value) {
    set(top, value);
    return this;
  }

  /**
   * The parameter for the CPU threads of the engine.
   *
   * @return the parameter
   */
  public IntParam threads() {
    return threads;
  }

  /**
   * Sets the CPU threads of the engine.
   *
   * @param value 0, the default, for the executor's cores
   * @return this
   */
  public ResFuseTransformer setThreads(int value) {
    set(threads, value);
    return this;
  }

  /**
   * The parameter for the sizes of batches.
   *
   * @return the parameter
   */
  public IntArrayParam batchSizes() {
    return batchSizes;
  }

  /**
   * Sets the sizes of batches.
   *
   * @param value images; 1, 4 and 16 by default
   * @return this
   */
  public ResFuseTransformer setBatchSizes(int[] value) {
    set(batchSizes, value);
    return this;
  }

  /**
   * The parameter for how long a picture waits for others while the device is free.
   *
   * @return the parameter
   */
  public IntParam queueDelayMillis() {
    return queueDelayMillis;
  }

  /**
   * Sets how long a picture waits for others while the device is free.
   *
   * @param value milliseconds; 5 by default
   * @return this
   */
  public ResFuseTransformer setQueueDelayMillis(int value) {
    set(queueDelayMillis, value);
    return this;
  }

  /**
   * The parameter for whether answers have the same bits in any batch.
   *
   * @return the parameter
   */
  public BooleanParam batchInvariant() {
    return batchInvariant;
  }

  /**
   * Sets whether answers have the same bits in any batch.
   *
   * @param value true by default; without it some networks are a few percent faster
   * @return this
   */
  public ResFuseTransformer setBatchInvariant(boolean value) {
    set(batchInvariant, value);
    return this;
  }

  private String string(Param<String> param) {
    return getOrDefault(param);
  }

  private int integer(IntParam param) {
    return (Integer) getOrDefault(param);
  }

  /** Checks what can be checked here. */
  private ModelSettings settings() {
    int[] sizes = getOrDefault(batchSizes);
    List<Integer> batches = IntStream.of(sizes).sorted().distinct().boxed().toList();
    // Both say what is wrong, here and not on an executor.
    BatchOptions.defaults().withPreferredBatchSizes(batches);
    Precision.parse(string(precision));
    if (integer(top) < 0 || integer(threads) < 0 || integer(queueDelayMillis) < 0) {
      throw new IllegalArgumentException(
          String.format(
              "top, threads and queueDelayMillis must be 0 or more, got %d, %d and %d",
              integer(top), integer(threads), integer(queueDelayMillis)));
    }
    if (integer(top) > 0 && !string(output).equals("logits")) {
      throw new IllegalArgumentException(
          "classes are told from the logits, not from output '"
              + string(output)
              + "'; set top to 0 for its floats");
    }
    return new ModelSettings(
        string(model),
        string(engine),
        string(device),
        string(precision),
        string(preprocessing),
        integer(threads),
        batches,
        integer(queueDelayMillis),
        (Boolean) getOrDefault(batchInvariant),
        string(output));
  }

  @Override
  public StructType transformSchema(StructType schema) {
    settings();
    PictureColumn.index(schema, string(inputCol));
    for (String name : List.of(string(outputCol), string(errorCol))) {
      if (Arrays.asList(schema.fieldNames()).contains(name)) {
        throw new IllegalArgumentException(
            "there is a column '" + name + "' already; choose another outputCol or errorCol");
      }
    }
    if (string(outputCol).equals(string(errorCol))) {
      throw new IllegalArgumentException("outputCol and errorCol have the same name");
    }
    DataType answer = new ArrayType(integer(top) == 0 ? DataTypes.FloatType : PREDICTION, false);
    return schema
        .add(string(outputCol), answer, true)
        .add(string(errorCol), DataTypes.StringType, true);
  }

  @Override
  public Dataset<Row> transform(Dataset<?> dataset) {
    StructType schema = transformSchema(dataset.schema());
    PictureColumn pictures =
        new PictureColumn(
            dataset.schema(),
            string(inputCol),
            new SerializableConfiguration(
                dataset.sparkSession().sparkContext().hadoopConfiguration()));
    return dataset
        .toDF()
        .mapPartitions(new Predictor(settings(), pictures, integer(top)), Encoders.row(schema));
  }

  @Override
  public ResFuseTransformer copy(ParamMap extra) {
    return defaultCopy(extra);
  }

  /**
   * Reads one that was saved.
   *
   * @return a reader
   */
  public static MLReader<ResFuseTransformer> read() {
    return new DefaultParamsReader<>();
  }

  /**
   * Reads one that was saved.
   *
   * @param path as it was given to {@code save}
   * @return the same
   */
  public static ResFuseTransformer load(String path) {
    return read().load(path);
  }
}
