package io.resfuse.spark;

import io.resfuse.train.recipe.RecipeReader;
import io.resfuse.train.recipe.TrainingRecipe;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkConf;
import org.apache.spark.ml.Estimator;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.param.StringArrayParam;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.ml.util.Identifiable;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.reflect.ClassTag$;

/**
 * Trains a ResNet on a column of pictures and a column of labels, by tasks that train together: a
 * barrier stage of {@code numWorkers} of them, each with its part of every batch. They add up
 * gradients over connections of their own, by the same tree that the library adds shards by, so
 * that the result has the same bits for 1, 2, 4, ... workers, and as {@code resfuse train --shards}
 * gives it, as long as engines have the same number of threads and CPUs the same instruction set.
 *
 * <p>Checkpoints lie in {@code checkpointDir}. If a worker is lost, Spark tries the stage again,
 * and it goes on from the last of them; so does another {@code fit} of the same training, with any
 * number of workers.
 *
 * <p>{@link #fit} gives a {@link ResFuseTransformer} with the trained model, which is {@code
 * model.safetensors} in that folder.
 */
public final class ResFuseTrainer extends Estimator<ResFuseTransformer>
    implements DefaultParamsWritable {
  private static final Logger log = LoggerFactory.getLogger(ResFuseTrainer.class);

  private final String uid;
  private final Param<String> network;
  private final Param<String> inputCol;
  private final Param<String> labelCol;
  private final Param<String> validationIndicatorCol;
  private final Param<String> orderCol;
  private final StringArrayParam classes;
  private final Param<String> recipe;
  private final StringArrayParam settings;
  private final IntParam epochs;
  private final IntParam batch;
  private final DoubleParam learningRate;
  private final Param<String> optimizer;
  private final LongParam seed;
  private final IntParam shards;
  private final IntParam numWorkers;
  private final Param<String> engine;
  private final Param<String> device;
  private final IntParam threads;
  private final Param<String> precision;
  private final Param<String> preprocessing;
  private final Param<String> checkpointDir;
  private final IntParam checkpointEvery;
  private final IntParam spoolMiB;
  private final IntParam timeoutSeconds;

  /** With the defaults; {@code checkpointDir} has none. */
  public ResFuseTrainer() {
    this(Identifiable.randomUID("resfuseTrainer"));
  }

  /**
   * With a name of its own, as a saved pipeline has it.
   *
   * @param uid unique in a pipeline
   */
  public ResFuseTrainer(String uid) {
    this.uid = uid;
    // Parameters ask for the name of what they belong to when they are made.
    this.network = new Param<>(this, "network", "variant of the network");
    this.inputCol = new Param<>(this, "inputCol", "column with pictures: bytes of files, or paths");
    this.labelCol = new Param<>(this, "labelCol", "column with classes: names or whole numbers");
    this.validationIndicatorCol =
        new Param<>(
            this,
            "validationIndicatorCol",
            "column that is true for rows to evaluate on; empty to hold some out");
    this.orderCol =
        new Param<>(
            this,
            "orderCol",
            "column that rows are numbered by; empty for a digest of picture and label");
    this.classes =
        new StringArrayParam(
            this, "classes", "the classes' names in their order; empty for those that occur");
    this.recipe =
        new Param<>(
            this, "recipe", "file of a recipe that the driver can read; empty for the defaults");
    this.settings =
        new StringArrayParam(this, "settings", "what replaces values of the recipe: name=value");
    this.epochs = new IntParam(this, "epochs", "passes over the training pictures");
    this.batch = new IntParam(this, "batch", "pictures per step, of all workers together");
    this.learningRate = new DoubleParam(this, "learningRate", "largest learning rate");
    this.optimizer = new Param<>(this, "optimizer", "sgd, adam or adamw");
    this.seed = new LongParam(this, "seed", "of first weights, order and augmentation");
    this.shards =
        new IntParam(
            this,
            "shards",
            "parts that each batch is cut into, a power of two; decides on what comes out");
    this.numWorkers =
        new IntParam(
            this,
            "numWorkers",
            "tasks that train together, a power of two; changes nothing but time");
    this.engine = new Param<>(this, "engine", "auto, onednn, cuda, cudnn or reference");
    this.device =
        new Param<>(
            this,
            "device",
            "of the engine; empty for what Spark assigns to the task, or else the first");
    this.threads =
        new IntParam(this, "threads", "CPU threads of a worker's engine; 0 for the task's cores");
    this.precision =
        new Param<>(this, "precision", "fp32, tf32, bf16 or fp16; empty for the recipe's");
    this.preprocessing = new Param<>(this, "preprocessing", "a preset; empty for the recipe's");
    this.checkpointDir =
        new Param<>(
            this,
            "checkpointDir",
            "folder for checkpoints and the model, in a file system that all workers know");
    this.checkpointEvery =
        new IntParam(
            this,
            "checkpointEvery",
            "optimizer steps between checkpoints, besides those at the ends of epochs; 0 for none");
    this.spoolMiB =
        new IntParam(
            this, "spoolMiB", "bytes of pictures that a worker keeps on its disk at most, in MiB");
    this.timeoutSeconds =
        new IntParam(this, "timeoutSeconds", "how long a worker waits for another");
    setDefault(network, "resnet20");
    setDefault(inputCol, "content");
    setDefault(labelCol, "label");
    setDefault(validationIndicatorCol, "");
    setDefault(orderCol, "");
    setDefault(classes, new String[0]);
    setDefault(recipe, "");
    setDefault(settings, new String[0]);
    setDefault(epochs, 10);
    setDefault(batch, 128);
    setDefault(learningRate, 0.1);
    setDefault(optimizer, "sgd");
    setDefault(seed, 0L);
    setDefault(shards, 1);
    setDefault(numWorkers, 1);
    setDefault(engine, "auto");
    setDefault(device, "");
    setDefault(threads, 0);
    setDefault(precision, "");
    setDefault(preprocessing, "");
    setDefault(checkpointDir, "");
    setDefault(checkpointEvery, 0);
    setDefault(spoolMiB, 16384);
    setDefault(timeoutSeconds, 300);
  }

  @Override
  public String uid() {
    return uid;
  }

  /**
   * The parameter for the variant of the network.
   *
   * @return the parameter
   */
  public Param<String> network() {
    return network;
  }

  /**
   * Sets the variant of the network.
   *
   * @param value variant, as {@code resfuse summary} lists them; the default is {@code resnet20}
   * @return this
   */
  public ResFuseTrainer setNetwork(String value) {
    set(network, value);
    return this;
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
  public ResFuseTrainer setInputCol(String value) {
    set(inputCol, value);
    return this;
  }

  /**
   * The parameter for the column with classes.
   *
   * @return the parameter
   */
  public Param<String> labelCol() {
    return labelCol;
  }

  /**
   * Sets the column with classes.
   *
   * @param value its name; the default is {@code label}
   * @return this
   */
  public ResFuseTrainer setLabelCol(String value) {
    set(labelCol, value);
    return this;
  }

  /**
   * The parameter for the column that is true for rows to evaluate on.
   *
   * @return the parameter
   */
  public Param<String> validationIndicatorCol() {
    return validationIndicatorCol;
  }

  /**
   * Sets the column that is true for rows to evaluate on.
   *
   * @param value its name; empty, the default, to hold a fifth of each class out, or as much as the
   *     recipe's {@code validation} says
   * @return this
   */
  public ResFuseTrainer setValidationIndicatorCol(String value) {
    set(validationIndicatorCol, value);
    return this;
  }

  /**
   * The parameter for the column that rows are in the order of.
   *
   * @return the parameter
   */
  public Param<String> orderCol() {
    return orderCol;
  }

  /**
   * Sets the column that rows are in the order of.
   *
   * @param value its name, of whole numbers or strings; empty, the default, for a digest of picture
   *     and label
   * @return this
   */
  public ResFuseTrainer setOrderCol(String value) {
    set(orderCol, value);
    return this;
  }

  /**
   * The parameter for the classes' names in the order of the outputs.
   *
   * @return the parameter
   */
  public StringArrayParam classes() {
    return classes;
  }

  /**
   * Sets the classes' names in the order of the outputs.
   *
   * @param value names; empty, the default, for the labels that occur, in numerical order if all
   *     are numbers, else in that of the alphabet
   * @return this
   */
  public ResFuseTrainer setClasses(String[] value) {
    set(classes, value);
    return this;
  }

  /**
   * The parameter for the file of a recipe.
   *
   * @return the parameter
   */
  public Param<String> recipe() {
    return recipe;
  }

  /**
   * Sets the file of a recipe.
   *
   * @param value YAML or JSON as {@code resfuse train --recipe} takes it; empty, the default, for
   *     the defaults
   * @return this
   */
  public ResFuseTrainer setRecipe(String value) {
    set(recipe, value);
    return this;
  }

  /**
   * The parameter for what replaces values of the recipe.
   *
   * @return the parameter
   */
  public StringArrayParam settings() {
    return settings;
  }

  /**
   * Sets what replaces values of the recipe.
   *
   * @param value like {@code schedule.learning_rate=0.1}
   * @return this
   */
  public ResFuseTrainer setSettings(String[] value) {
    set(settings, value);
    return this;
  }

  /**
   * The parameter for how many passes over the training pictures there are.
   *
   * @return the parameter
   */
  public IntParam epochs() {
    return epochs;
  }

  /**
   * Sets how many passes over the training pictures there are.
   *
   * @param value at least 1; unless set, the recipe's
   * @return this
   */
  public ResFuseTrainer setEpochs(int value) {
    set(epochs, value);
    return this;
  }

  /**
   * The parameter for how many pictures a step has, of all workers together.
   *
   * @return the parameter
   */
  public IntParam batch() {
    return batch;
  }

  /**
   * Sets how many pictures a step has, of all workers together.
   *
   * @param value divided by the shards; unless set, the recipe's
   * @return this
   */
  public ResFuseTrainer setBatch(int value) {
    set(batch, value);
    return this;
  }

  /**
   * The parameter for the largest learning rate.
   *
   * @return the parameter
   */
  public DoubleParam learningRate() {
    return learningRate;
  }

  /**
   * Sets the largest learning rate.
   *
   * @param value above 0; unless set, the recipe's
   * @return this
   */
  public ResFuseTrainer setLearningRate(double value) {
    set(learningRate, value);
    return this;
  }

  /**
   * The parameter for the optimizer.
   *
   * @return the parameter
   */
  public Param<String> optimizer() {
    return optimizer;
  }

  /**
   * Sets the optimizer.
   *
   * @param value unless set, the recipe's
   * @return this
   */
  public ResFuseTrainer setOptimizer(String value) {
    set(optimizer, value);
    return this;
  }

  /**
   * The parameter for the seed of first weights, order and augmentation.
   *
   * @return the parameter
   */
  public LongParam seed() {
    return seed;
  }

  /**
   * Sets the seed of first weights, order and augmentation.
   *
   * @param value any number; unless set, the recipe's
   * @return this
   */
  public ResFuseTrainer setSeed(long value) {
    set(seed, value);
    return this;
  }

  /**
   * The parameter for how many parts each batch is cut into, which decides on what comes out.
   *
   * @return the parameter
   */
  public IntParam shards() {
    return shards;
  }

  /**
   * Sets how many parts each batch is cut into, which decides on what comes out.
   *
   * @param value at least the number of workers; unless set, the recipe's
   * @return this
   */
  public ResFuseTrainer setShards(int value) {
    set(shards, value);
    return this;
  }

  /**
   * The parameter for how many tasks train together, which changes nothing but time.
   *
   * @return the parameter
   */
  public IntParam numWorkers() {
    return numWorkers;
  }

  /**
   * Sets how many tasks train together, which changes nothing but time.
   *
   * @param value 1, the default, up to the number of shards
   * @return this
   */
  public ResFuseTrainer setNumWorkers(int value) {
    set(numWorkers, value);
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
  public ResFuseTrainer setEngine(String value) {
    set(engine, value);
    return this;
  }

  /**
   * The parameter for the device of the engine.
   *
   * @return the parameter
   */
  public Param<String> device() {
    return device;
  }

  /**
   * Sets the device of the engine.
   *
   * @param value empty, the default, for what Spark assigns to the task, or else the first
   * @return this
   */
  public ResFuseTrainer setDevice(String value) {
    set(device, value);
    return this;
  }

  /**
   * The parameter for the CPU threads of a worker's engine.
   *
   * @return the parameter
   */
  public IntParam threads() {
    return threads;
  }

  /**
   * Sets the CPU threads of a worker's engine.
   *
   * @param value 0, the default, for {@code spark.task.cpus}. What engine onednn computes depends
   *     in its last bits on how many there are
   * @return this
   */
  public ResFuseTrainer setThreads(int value) {
    set(threads, value);
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
   * @param value empty, the default, for the recipe's
   * @return this
   */
  public ResFuseTrainer setPrecision(String value) {
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
   * @param value name of a preset; empty, the default, for the recipe's
   * @return this
   */
  public ResFuseTrainer setPreprocessing(String value) {
    set(preprocessing, value);
    return this;
  }

  /**
   * The parameter for the folder for checkpoints and the model, in a file system that all workers
   * know.
   *
   * @return the parameter
   */
  public Param<String> checkpointDir() {
    return checkpointDir;
  }

  /**
   * Sets the folder for checkpoints and the model, in a file system that all workers know.
   *
   * @param value must be set; a training of the same recipe on the same rows goes on from what it
   *     finds there
   * @return this
   */
  public ResFuseTrainer setCheckpointDir(String value) {
    set(checkpointDir, value);
    return this;
  }

  /**
   * The parameter for how many optimizer steps are between checkpoints, besides those at the ends
   * of epochs.
   *
   * @return the parameter
   */
  public IntParam checkpointEvery() {
    return checkpointEvery;
  }

  /**
   * Sets how many optimizer steps are between checkpoints, besides those at the ends of epochs.
   *
   * @param value 0 by default
   * @return this
   */
  public ResFuseTrainer setCheckpointEvery(int value) {
    set(checkpointEvery, value);
    return this;
  }

  /**
   * The parameter for how many MiB of pictures a worker keeps on its disk at most.
   *
   * @return the parameter
   */
  public IntParam spoolMiB() {
    return spoolMiB;
  }

  /**
   * Sets how many MiB of pictures a worker keeps on its disk at most.
   *
   * @param value 16384 by default
   * @return this
   */
  public ResFuseTrainer setSpoolMiB(int value) {
    set(spoolMiB, value);
    return this;
  }

  /**
   * The parameter for how many seconds a worker waits for another.
   *
   * @return the parameter
   */
  public IntParam timeoutSeconds() {
    return timeoutSeconds;
  }

  /**
   * Sets how many seconds a worker waits for another.
   *
   * @param value 300 by default
   * @return this
   */
  public ResFuseTrainer setTimeoutSeconds(int value) {
    set(timeoutSeconds, value);
    return this;
  }

  private String string(Param<String> param) {
    return getOrDefault(param);
  }

  private int integer(IntParam param) {
    return (Integer) getOrDefault(param);
  }

  /** The recipe with what replaces its values. */
  private TrainingRecipe makeRecipe() {
    Map<String, String> values = new LinkedHashMap<>();
    for (String setting : getOrDefault(settings)) {
      String[] parts = setting.split("=", 2);
      if (parts.length < 2) {
        throw new IllegalArgumentException(
            "setting '" + setting + "' has no '='; name=value is needed");
      }
      values.put(parts[0], parts[1]);
    }
    put(values, network, "network");
    put(values, epochs, "epochs");
    put(values, batch, "batch");
    put(values, learningRate, "schedule.learning_rate");
    put(values, optimizer, "optimizer.kind");
    put(values, seed, "seed");
    put(values, shards, "shards");
    put(values, precision, "precision");
    put(values, preprocessing, "preprocessing");
    String file = string(recipe);
    return RecipeReader.read(file.isEmpty() ? null : Path.of(file), values);
  }

  private void put(Map<String, String> values, Param<?> param, String name) {
    if (isSet(param) && !String.valueOf(getOrDefault(param)).isEmpty()) {
      values.put(name, String.valueOf(getOrDefault(param)));
    }
  }

  /** Checks what can be checked here. */
  private TrainingRecipe checked(StructType schema) {
    TrainingRecipe made = makeRecipe();
    int workers = integer(numWorkers);
    if (workers < 1 || Integer.bitCount(workers) != 1 || workers > made.shards()) {
      throw new IllegalArgumentException(
          "%d workers cannot share batches of %d shard%s; use 1, 2, 4, ... workers and at least as many shards"
              .formatted(workers, made.shards(), made.shards() == 1 ? "" : "s"));
    }
    if (string(checkpointDir).isEmpty()) {
      throw new IllegalArgumentException(
          "checkpointDir is not set; checkpoints and the model need a folder that all workers"
              + " know");
    }
    if (integer(checkpointEvery) < 0
        || integer(threads) < 0
        || integer(spoolMiB) < 1
        || integer(timeoutSeconds) < 1) {
      throw new IllegalArgumentException(
          "checkpointEvery and threads must be 0 or more, spoolMiB and timeoutSeconds 1 or more, got %d, %d, %d and %d"
              .formatted(
                  integer(checkpointEvery),
                  integer(threads),
                  integer(spoolMiB),
                  integer(timeoutSeconds)));
    }
    columns().check(schema);
    return made;
  }

  private TrainingColumns columns() {
    return new TrainingColumns(
        string(inputCol), string(labelCol), string(validationIndicatorCol), string(orderCol));
  }

  @Override
  public StructType transformSchema(StructType schema) {
    checked(schema);
    return transformer().transformSchema(schema);
  }

  private ResFuseTransformer transformer() {
    return new ResFuseTransformer()
        .setInputCol(string(inputCol))
        .setEngine(string(engine))
        .setDevice(string(device));
  }

  /**
   * Trains, or goes on.
   *
   * @param dataset with the columns; its rows must be the same each time that they are computed
   * @return the trained model over the same input column, which needs {@code checkpointDir}
   */
  @Override
  public ResFuseTransformer fit(Dataset<?> dataset) {
    TrainingRecipe made = checked(dataset.schema());
    refuseEncryption(dataset.sparkSession().sparkContext().conf());
    TrainingColumns columns = columns();
    String[] given = getOrDefault(classes);
    List<String> names = given.length > 0 ? List.of(given) : columns.classes(dataset);
    var configuration =
        new SerializableConfiguration(dataset.sparkSession().sparkContext().hadoopConfiguration());
    var task =
        new TrainingTask(
            new TrainingSettings(
                RecipeReader.toJson(made),
                names,
                columns.paths(dataset.schema(), configuration),
                columns.hasValidation(),
                string(engine),
                string(device),
                integer(threads),
                string(checkpointDir),
                integer(checkpointEvery),
                (long) integer(spoolMiB) << 20,
                integer(timeoutSeconds),
                Handshake.newSecret(),
                configuration));
    // Spark tries a barrier stage again only if another one follows.
    List<String> lines =
        columns
            .rows(dataset, names, integer(numWorkers))
            .rdd()
            .barrier()
            .mapPartitions(task, false, ClassTag$.MODULE$.<String>apply(String.class))
            .toJavaRDD()
            .repartition(1)
            .collect();
    log.info("trained: {}", lines.get(0));
    RemoteFolder folder = new RemoteFolder(string(checkpointDir), configuration.value());
    return transformer().setModel(folder.name(TrainingTask.MODEL)).setParent(this);
  }

  /** Connections between workers are authenticated, not encrypted. */
  private void refuseEncryption(SparkConf conf) {
    boolean wanted =
        conf.getBoolean("spark.network.crypto.enabled", false)
            || conf.getBoolean("spark.authenticate.enableSaslEncryption", false)
            || conf.getBoolean("spark.ssl.rpc.enabled", false);
    if (wanted && integer(numWorkers) > 1) {
      throw new IllegalArgumentException(
          "Spark is set to encrypt what executors send each other, and workers do not encrypt"
              + " gradients; train with one worker, or where nobody listens and without"
              + " spark.network.crypto.enabled");
    }
  }

  @Override
  public ResFuseTrainer copy(ParamMap extra) {
    return defaultCopy(extra);
  }

  /**
   * Reads one that was saved.
   *
   * @return a reader
   */
  public static MLReader<ResFuseTrainer> read() {
    return new DefaultParamsReader<>();
  }

  /**
   * Reads one that was saved.
   *
   * @param path as it was given to {@code save}
   * @return the same
   */
  public static ResFuseTrainer load(String path) {
    return read().load(path);
  }
}
