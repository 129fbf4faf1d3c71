package io.resfuse.engine.spi;

import io.resfuse.engine.Communicator;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.Gathering;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.Sharding;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A training plan whose batch is cut into shards, each of which is a plan of its own, on one or
 * several devices, and in one or several processes: the same bits for any number of both. One
 * owner: not thread-safe; a device other than the first has a thread of this plan's.
 *
 * <p>Shard s of S has the images from s B / S on; a process has neighbours. Its batch norms have
 * statistics of its own. The loss is the mean over the whole batch; gradients are the sum over the
 * shards of what each contributes, running statistics the mean of what each shard would have made
 * of them, both added by {@link ShardTree}. Every shard keeps all weights and the optimizer's
 * state, and makes every step of the optimizer; so all always have the same.
 *
 * <p>Gradients are exchanged when they are first needed after a backward pass: by the optimizer,
 * the norm, or who reads them. Passes that accumulate before that are added up shard by shard.
 */
public final class ShardedTrainingPlan extends AbstractTrainingPlan {
  private static final String LOGITS = "logits";

  private final TrainingOptions options;
  private final Communicator processes;
  private final List<AbstractTrainingPlan> shards;
  private final int perDevice;
  private final int shardBatch;
  private final Lanes lanes;
  private final GradientExchange exchange;
  private final Images images;
  private final Map<String, Parts> outputs = new LinkedHashMap<>();
  private final Map<String, Parts> outputGradients = new LinkedHashMap<>();
  private final @Nullable Parts inputGradient;

  /** Of each shard, by output. */
  private final Map<String, int[][]> labels = new LinkedHashMap<>();

  /** For each shard of this process, how many of its images count, and the bits of its loss. */
  private final long[] ownLosses;

  private final Gathering gathering;

  /** Of all shards of all processes. */
  private final double[] losses;

  private final FloatBuffer shardTargets;
  private final Lanes.Work forwardWork = this::forwardOn;
  private final Lanes.Work evaluationWork = this::evaluateOn;
  private final Lanes.Work backwardWork = this::backwardOn;
  private boolean accumulating;

  /** Whether all shards have the sum of all gradients, not each its own. */
  private boolean exchanged;

  /** A buffer of the whole batch, and those of the shards. */
  private record Parts(FloatBuffer whole, List<FloatBuffer> parts) {
    void gather(int shard) {
      FloatBuffer part = parts.get(shard);
      whole.put(shard * part.capacity(), part, 0, part.capacity());
    }

    void gather(int shard, float factor) {
      FloatBuffer part = parts.get(shard);
      int begin = shard * part.capacity();
      for (int i = 0; i < part.capacity(); i++) {
        whole.put(begin + i, factor * part.get(i));
      }
    }

    void scatter(int shard) {
      FloatBuffer part = parts.get(shard);
      part.put(0, whole, shard * part.capacity(), part.capacity());
    }
  }

  /** The images of the whole batch, as floats or as pixels. */
  private record Images(@Nullable Parts floats, ByteBuffer pixels, List<ByteBuffer> pixelParts) {
    void scatter(int shard) {
      if (floats != null) {
        floats.scatter(shard);
      } else {
        ByteBuffer part = pixelParts.get(shard);
        part.put(0, pixels, shard * part.capacity(), part.capacity());
      }
    }
  }

  /**
   * Makes a plan.
   *
   * @param engines one for each device, all of one kind; shards lie on them in groups of neighbours
   * @param network what to train
   * @param parameters initial values, copied
   * @param options of this process's part of the batch
   * @param sharding of the whole batch
   * @return a plan with one owner
   * @throws EngineException if the batch, the shards and the devices do not fit together, or an
   *     engine cannot train the network
   */
  public static TrainingPlan of(
      List<? extends Engine> engines,
      NetworkSpec network,
      Parameters parameters,
      TrainingOptions options,
      Sharding sharding) {
    check(engines.size(), options.batch(), sharding);
    if (sharding.shards() == 1) {
      return engines.get(0).planTraining(network, parameters, options);
    }
    int count = sharding.shards() / sharding.processes().size();
    TrainingOptions ofShard = options.withBatch(options.batch() / count);
    List<AbstractTrainingPlan> shards = new ArrayList<>();
    boolean done = false;
    try {
      for (int s = 0; s < count; s++) {
        Engine engine = engines.get(s * engines.size() / count);
        TrainingPlan plan = engine.planTraining(network, parameters, ofShard);
        shards.add((AbstractTrainingPlan) plan);
      }
      TrainingPlan plan =
          new ShardedTrainingPlan(
              network, parameters, options, shards, engines.size(), sharding.processes());
      done = true;
      return plan;
    } finally {
      if (!done) {
        shards.forEach(TrainingPlan::close);
      }
    }
  }

  private static void check(int devices, int batch, Sharding sharding) {
    int count = sharding.shards();
    int processes = sharding.processes().size();
    if (!ShardTree.fits(count)) {
      throw new EngineException(
          "%d shards were asked for; a step is cut into 1, 2, 4, 8, ... shards".formatted(count));
    }
    if (!ShardTree.fits(processes) || processes > count) {
      throw new EngineException(
          "%d processes cannot share %d shard%s evenly; use 1, 2, 4, ... and at most as many as there are shards"
              .formatted(processes, count, count == 1 ? "" : "s"));
    }
    int own = count / processes;
    if (batch % own != 0) {
      throw new EngineException(
          "a batch of %d images cannot be cut into %d shards of the same size; choose a multiple of %d, or fewer shards"
              .formatted(batch * processes, count, count));
    }
    if (!ShardTree.fits(devices) || devices > own) {
      throw new EngineException(
          "%d devices cannot share %d shard%s evenly; use %s"
              .formatted(
                  devices,
                  own,
                  own == 1 ? "" : "s",
                  own == 1
                      ? "one device, or --shards: a power of two that is at least the number of"
                          + " devices"
                      : "1, 2, 4, ... and at most " + own + " devices, or more shards"));
    }
  }

  private ShardedTrainingPlan(
      NetworkSpec network,
      Parameters initial,
      TrainingOptions options,
      List<AbstractTrainingPlan> shards,
      int devices,
      Communicator processes) {
    super(network, options);
    this.options = options;
    this.processes = processes;
    this.shards = List.copyOf(shards);
    this.perDevice = shards.size() / devices;
    this.shardBatch = options.batch() / shards.size();
    this.ownLosses = new long[2 * shards.size()];
    this.gathering = new Gathering(processes, ownLosses.length);
    this.losses = new double[shards.size() * processes.size()];
    this.shardTargets = newTargets();
    this.images = images();
    for (String name : options.outputs()) {
      Shape shape = outputShape(name);
      int perShard = (int) (shape.elements() / shape.dimension(1) / shards.size());
      labels.put(name, new int[shards.size()][perShard]);
      outputs.put(name, parts(shards.stream().map(shard -> shard.output(name)).toList()));
      outputGradients.put(
          name, parts(shards.stream().map(shard -> shard.outputGradient(name)).toList()));
    }
    this.inputGradient =
        options.inputGradient()
            ? parts(shards.stream().map(TrainingPlan::inputGradient).toList())
            : null;
    List<List<AbstractTrainingPlan>> byDevice = new ArrayList<>();
    for (int d = 0; d < devices; d++) {
      byDevice.add(this.shards.subList(d * perDevice, (d + 1) * perDevice));
    }
    this.exchange = shards.get(0).exchange(byDevice, processes);
    this.lanes = new Lanes(devices, "resfuse-training");
    boolean done = false;
    try {
      writeParameters(initial);
      done = true;
    } finally {
      if (!done) {
        lanes.close();
        exchange.close();
      }
    }
  }

  private FloatBuffer newTargets() {
    int classes = options.outputs().contains(LOGITS) ? outputShape(LOGITS).dimension(1) : 0;
    return ByteBuffer.allocateDirect(Float.BYTES * shardBatch * classes)
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }

  private Images images() {
    if (options.scaling() == null) {
      return new Images(
          parts(shards.stream().map(TrainingPlan::input).toList()),
          ByteBuffer.allocate(0),
          List.of());
    }
    List<ByteBuffer> parts = shards.stream().map(TrainingPlan::pixels).toList();
    int bytes = Math.multiplyExact(shards.size(), parts.get(0).capacity());
    return new Images(null, ByteBuffer.allocateDirect(bytes), parts);
  }

  private static Parts parts(List<FloatBuffer> parts) {
    int floats = Math.multiplyExact(parts.size(), parts.get(0).capacity());
    ByteBuffer bytes =
        ByteBuffer.allocateDirect(Math.multiplyExact(Float.BYTES, floats))
            .order(ByteOrder.nativeOrder());
    return new Parts(bytes.asFloatBuffer(), parts);
  }

  @Override
  protected FloatBuffer inputBuffer() {
    return images.floats().whole();
  }

  @Override
  protected ByteBuffer pixelBuffer() {
    return images.pixels();
  }

  @Override
  protected FloatBuffer outputBuffer(String name) {
    return outputs.get(name).whole();
  }

  @Override
  protected FloatBuffer outputGradientBuffer(String name) {
    return outputGradients.get(name).whole();
  }

  @Override
  protected FloatBuffer inputGradientBuffer() {
    return inputGradient.whole();
  }

  // ---------------------------------------------------------------- passes

  @Override
  protected void runForward() {
    lanes.run(forwardWork);
    exchange.averageStatistics();
  }

  private void forwardOn(int device) {
    for (int s = device * perDevice; s < (device + 1) * perDevice; s++) {
      images.scatter(s);
      shards.get(s).runForward();
      gatherOutputs(s);
    }
  }

  @Override
  protected void runEvaluation() {
    lanes.run(evaluationWork);
  }

  private void evaluateOn(int device) {
    for (int s = device * perDevice; s < (device + 1) * perDevice; s++) {
      images.scatter(s);
      shards.get(s).runEvaluation();
      gatherOutputs(s);
    }
  }

  private void gatherOutputs(int shard) {
    for (Parts parts : outputs.values()) {
      parts.gather(shard);
    }
  }

  @Override
  protected void runBackward(boolean accumulate) {
    accumulating = accumulate;
    lanes.run(backwardWork);
    exchanged = false;
  }

  private void backwardOn(int device) {
    for (int s = device * perDevice; s < (device + 1) * perDevice; s++) {
      for (Parts parts : outputGradients.values()) {
        parts.scatter(s);
      }
      // What all shards have together goes on in the first alone: else it would count S times.
      boolean first = s == 0 && processes.rank() == 0;
      shards.get(s).runBackward(accumulating && !(exchanged && !first));
      if (inputGradient != null) {
        inputGradient.gather(s);
      }
    }
  }

  private void exchangeGradients() {
    if (!exchanged) {
      exchange.sumGradients();
      exchanged = true;
    }
  }

  @Override
  protected double normOfGradients() {
    exchangeGradients();
    return shards.get(0).normOfGradients();
  }

  @Override
  protected void runOptimizer(int step, double learningRate, double gradientScale) {
    exchangeGradients();
    for (AbstractTrainingPlan shard : shards) {
      shard.runOptimizer(step, learningRate, gradientScale);
    }
  }

  // ---------------------------------------------------------------- losses

  @Override
  protected double lossOfLabels(
      String output, int[] allLabels, double smoothing, double weight, int countedOfAll) {
    int[][] parts = labels.get(output);
    for (int s = 0; s < shards.size(); s++) {
      System.arraycopy(allLabels, s * parts[s].length, parts[s], 0, parts[s].length);
      int counted = 0;
      for (int label : parts[s]) {
        counted += label >= 0 ? 1 : 0;
      }
      double loss = shards.get(s).lossOfLabels(output, parts[s], smoothing, weight, counted);
      note(s, counted, loss);
    }
    return meanLoss(output);
  }

  @Override
  protected double lossOfTargets(FloatBuffer targets) {
    int size = shardTargets.capacity();
    for (int s = 0; s < shards.size(); s++) {
      shardTargets.put(0, targets, s * size, size);
      note(s, shardBatch, shards.get(s).lossOfTargets(shardTargets));
    }
    return meanLoss(LOGITS);
  }

  private void note(int shard, int counted, double loss) {
    ownLosses[2 * shard] = counted;
    ownLosses[2 * shard + 1] = Double.doubleToRawLongBits(loss);
  }

  /** Weighs shards by their labels that count, in the loss and in the output's gradient. */
  private double meanLoss(String output) {
    long[] all = gathering.run(ownLosses);
    long countedOfAll = 0;
    for (int s = 0; s < losses.length; s++) {
      countedOfAll += all[2 * s];
    }
    int begin = processes.rank() * shards.size();
    for (int s = 0; s < losses.length; s++) {
      double weight = all[2 * s] / (double) Math.max(1, countedOfAll);
      losses[s] = Double.longBitsToDouble(all[2 * s + 1]) * weight;
      if (s >= begin && s < begin + shards.size()) {
        outputGradients.get(output).gather(s - begin, (float) weight);
      }
    }
    for (int distance = 1; distance < losses.length; distance *= 2) {
      for (int s = 0; s < losses.length; s += 2 * distance) {
        losses[s] += losses[s + distance];
      }
    }
    return losses[0];
  }

  // ---------------------------------------------------------------- what is read and written

  @Override
  protected void readValue(ParameterSpec parameter, HostTensor target) {
    shards.get(0).readValue(parameter, target);
  }

  @Override
  protected void writeValue(ParameterSpec parameter, HostTensor source) {
    shards.forEach(shard -> shard.writeValue(parameter, source));
  }

  @Override
  protected void valuesWritten() {
    shards.forEach(AbstractTrainingPlan::valuesWritten);
  }

  @Override
  protected void readGradient(ParameterSpec parameter, HostTensor target) {
    exchangeGradients();
    shards.get(0).readGradient(parameter, target);
  }

  @Override
  protected void writeGradient(ParameterSpec parameter, HostTensor source) {
    exchangeGradients();
    shards.forEach(shard -> shard.writeGradient(parameter, source));
  }

  @Override
  protected void readState(ParameterSpec parameter, int index, HostTensor target) {
    shards.get(0).readState(parameter, index, target);
  }

  @Override
  protected void writeState(ParameterSpec parameter, int index, HostTensor source) {
    shards.forEach(shard -> shard.writeState(parameter, index, source));
  }

  /** {@inheritDoc} Of the first shard, and so of as many images as a shard has. */
  @Override
  protected double time(String operation, Runnable coolCaches) {
    return shards.get(0).time(operation, coolCaches);
  }

  @Override
  protected List<String> kernels(String operation) {
    return shards.get(0).kernels(operation);
  }

  @Override
  public PlanMemory memory() {
    long onDevices = exchange.deviceBytes();
    long host = images.pixels().capacity() + exchange.bytes() - onDevices;
    List<Parts> all = new ArrayList<>(outputs.values());
    all.addAll(outputGradients.values());
    all.addAll(Arrays.asList(images.floats(), inputGradient));
    for (@Nullable Parts parts : all) {
      host += parts == null ? 0 : (long) Float.BYTES * parts.whole().capacity();
    }
    PlanMemory sum = new PlanMemory(0, 0, 0, onDevices, host);
    for (AbstractTrainingPlan shard : shards) {
      sum = sum.plus(shard.memory());
    }
    return sum;
  }

  @Override
  protected void release() {
    lanes.close();
    try {
      exchange.close();
    } finally {
      shards.forEach(TrainingPlan::close);
    }
  }
}
