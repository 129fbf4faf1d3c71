package io.resfuse.engine;

import java.util.Optional;

/**
 * Something that runs networks. Thread-safe.
 *
 * <p>An engine, its networks and plans may be closed in any order and by any thread. Closing one
 * refuses new things to be made of it; what there is goes on until it is closed itself, and then
 * the memory that they share is freed.
 *
 * <p>Failures are {@link EngineException}s whose first line says what was asked, what was found and
 * what to do.
 */
public interface Engine extends AutoCloseable {
  /** What a plan is for. */
  enum Mode {
    /** Batch norms use running statistics and are folded into the convolutions. */
    INFERENCE,
    /** Batch statistics, backward pass, optimizer. */
    TRAINING
  }

  /**
   * Its name.
   *
   * @return that of its {@link EngineProvider}
   */
  String name();

  /**
   * What it runs on.
   *
   * @return one line for people: device, library version, threads
   */
  String description();

  /**
   * Whether it can do something on this machine.
   *
   * @param precision in which precision
   * @param mode inference or training
   * @return empty if it can, else why not and what would help
   */
  Optional<String> whyNot(Precision precision, Mode mode);

  /**
   * Whether plans can take pixels of 8 bits and normalise them on the device, which lies so far
   * away that it saves time: a quarter of the bytes of floats.
   *
   * @return if not, plans that ask for it are refused
   */
  default boolean takesPixels() {
    return false;
  }

  /**
   * Whether it computes on a device with memory of its own, in which inputs and outputs of plans
   * can lie ({@link PlanRequest#inDeviceMemory}).
   *
   * @return if not, plans that ask for it are refused, and so is {@link #onDevice}
   */
  default boolean hasDevice() {
    return false;
  }

  /**
   * Does work of the caller's own on the engine's device: the addresses of {@link
   * InferencePlan#deviceInput} and {@link InferencePlan#deviceOutput} are good there. Of engines on
   * CUDA the calling thread has the engine's context meanwhile, and its former one afterwards; the
   * engine waits for nothing that was started: work that writes an input must be done before the
   * plan runs.
   *
   * @param work calls the device's driver
   * @throws EngineException if the engine has no device
   */
  default void onDevice(Runnable work) {
    throw new EngineException("engine " + name() + " has no device to work on; use engine cuda");
  }

  /**
   * Whether sums of products of small integers come out exact, as they do in any order, but not by
   * algorithms that compute with fractions to multiply less.
   *
   * @return if not, such sums are off by a few millionths of their size
   */
  default boolean hasExactSums() {
    return true;
  }

  /**
   * Whether it multiplies int8 weights of 7 bits as they are, but rounds those of 8 bits to 7
   * first.
   *
   * @return true on CPUs without instructions that add products of bytes in 32 bits
   */
  default boolean wantsReducedWeights() {
    return false;
  }

  /**
   * Brings a network's weights into the engine's memory, for inference.
   *
   * @param network what to run
   * @param parameters its weights, read during this call and while the first plan of each kind is
   *     made; not changed
   * @param precision in which precision
   * @return a network from which plans are made
   * @throws EngineException if the engine cannot run it
   */
  LoadedNetwork load(NetworkSpec network, Parameters parameters, Precision precision);

  /**
   * What a training plan would need, before anything is allocated.
   *
   * @param network what to train
   * @param options batch, sizes, precision, what is frozen, the optimizer
   * @return bytes
   */
  PlanMemory trainingMemory(NetworkSpec network, TrainingOptions options);

  /**
   * Makes a training plan.
   *
   * @param network what to train
   * @param parameters initial values, copied
   * @param options batch, sizes, precision, what is frozen, the optimizer
   * @return a plan with one owner
   * @throws EngineException if the engine cannot train it
   */
  TrainingPlan planTraining(NetworkSpec network, Parameters parameters, TrainingOptions options);

  /**
   * Makes a training plan whose batch is cut into shards in this process alone, on all devices of
   * the engine.
   *
   * @param network what to train
   * @param parameters initial values, copied
   * @param options of the whole batch
   * @param shards a power of two that divides the batch; 1 for {@link #planTraining(NetworkSpec,
   *     Parameters, TrainingOptions)}
   * @return a plan with one owner
   * @throws EngineException if the engine cannot train it so
   */
  default TrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions options, int shards) {
    return planTraining(network, parameters, options, Sharding.of(shards));
  }

  /**
   * Makes a training plan for the shards that one process has of those that a batch is cut into.
   * How many there are decides on what comes out, since batch norms have statistics of each shard's
   * own; on how many devices and processes they are does not: each bit stays the same. Losses,
   * gradients and running statistics are those of the whole batch; passes, and what reads
   * gradients, are calls that all processes make.
   *
   * @param network what to train
   * @param parameters initial values, copied
   * @param options of this process's part of the batch: the whole batch, divided by the number of
   *     processes
   * @param sharding of the whole batch
   * @return a plan with one owner
   * @throws EngineException if the engine cannot train it so
   */
  default TrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions options, Sharding sharding) {
    if (sharding.shards() != 1) {
      throw new EngineException(
          "engine %s does not train in shards, %d were asked for; use 1"
              .formatted(name(), sharding.shards()));
    }
    return planTraining(network, parameters, options);
  }

  /**
   * Refuses new networks and plans, and frees what the engine holds itself once those that there
   * are are closed. Idempotent.
   */
  @Override
  void close();
}
