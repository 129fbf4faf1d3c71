package io.resfuse.server.repository;

import io.resfuse.Model;
import io.resfuse.Prediction;
import io.resfuse.batch.BatchOptions;
import io.resfuse.batch.Batcher;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Precision;
import io.resfuse.server.metrics.ModelMetrics;
import io.resfuse.server.protocol.Datatypes;
import io.resfuse.server.protocol.TensorMetadata;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.Labels;
import io.resfuse.weights.LoadOptions;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.PretrainedModel;
import io.resfuse.weights.ProgressListener;
import io.resfuse.weights.format.TensorFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * One version of a model in the memory, with its queue. Whoever submits to it holds a lease
 * meanwhile: {@link #acquire} and {@link #release}. When it is retired, it is closed as soon as the
 * last lease has come back: it then runs what is in its queue. Thread-safe.
 */
public final class ServedModel {
  /** The input for the contents of pictures' files. */
  public static final String IMAGE = "image";

  /** The input for tensors that are normalised already. */
  public static final String TENSOR = "input";

  /** The output of numbers, one per class. */
  public static final String LOGITS = "logits";

  /** The softmax of the logits. */
  public static final String PROBABILITIES = "probabilities";

  private final String name;
  private final String version;
  private final String platform;
  private final Model model;
  private final Batcher batcher;
  private final BatchOptions batching;
  private final ModelMetrics metrics;
  private final boolean labelled;
  private final List<TensorMetadata> inputs;
  private final Map<String, TensorMetadata> outputs;

  /** Leases, and one more until this is retired. */
  private final AtomicInteger leases = new AtomicInteger(1);

  private final CountDownLatch unused = new CountDownLatch(1);

  private ServedModel(
      Found found,
      Engine engine,
      Model model,
      boolean labelled,
      Set<String> networkOutputs,
      BatchOptions batching,
      ModelMetrics metrics) {
    this.name = found.name();
    this.version = Long.toString(found.version());
    this.platform = "resfuse_" + engine.name();
    this.model = model;
    this.labelled = labelled;
    this.batching = batching;
    this.metrics = metrics;
    this.inputs = inputs(engine, model);
    this.outputs = outputs(model, networkOutputs);
    this.batcher = model.newBatcher(networkOutputs, batching);
  }

  /**
   * Brings a model into the memory and makes its plans.
   *
   * @throws RuntimeException that says in one line why it cannot be served
   */
  static ServedModel load(Found found, Loading how, ModelMetrics metrics) {
    ModelConfig config = found.home() == null ? ModelConfig.NONE : ModelConfig.in(found.home());
    ModelFile file = open(found, config);
    Engine engine = how.engine();
    Precision precision = precision(engine, config.precision(), how.precision());
    String preset = config.preprocessing();
    Preprocessing preprocessing = Preprocessing.of(preset == null ? file.preset() : preset);
    BatchOptions batching = config.batching(how.batching()).withListener(metrics);
    Set<String> outputs = outputs(file.network(), config.outputs());
    Model model = Model.load(engine, file, precision, preprocessing, 1);
    try {
      boolean labelled = !file.metadata().labels().isEmpty();
      ServedModel served =
          new ServedModel(found, engine, model, labelled, outputs, batching, metrics);
      metrics.setQueue(served.batcher::waiting);
      return served;
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  private static ModelFile open(Found found, ModelConfig config) {
    Path weights = found.weights();
    ModelFile file =
        weights == null
            ? PretrainedModel.of(found.name()).open(ProgressListener.NONE)
            : ModelFile.open(
                TensorFile.open(weights), LoadOptions.STRICT.withNetwork(config.networkConfig()));
    String labels = config.labels();
    Path home = found.home();
    return labels == null || home == null
        ? file
        : file.withLabels(Labels.read(home.resolve(labels)));
  }

  private static Precision precision(
      Engine engine, @Nullable String own, @Nullable Precision usual) {
    Precision fallback = engine.name().equals("reference") ? Precision.FP64 : Precision.FP32;
    Precision chosen = own != null ? Precision.parse(own) : usual != null ? usual : fallback;
    engine
        .whyNot(chosen, Engine.Mode.INFERENCE)
        .ifPresent(
            why -> {
              throw new EngineException(
                  "engine " + engine.name() + " cannot run in " + chosen + ": " + why);
            });
    return chosen;
  }

  private static Set<String> outputs(NetworkSpec network, @Nullable List<String> wanted) {
    Set<String> outputs = new LinkedHashSet<>();
    if (wanted != null && !wanted.isEmpty()) {
      wanted.forEach(
          output -> {
            network.output(output);
            outputs.add(output);
          });
    } else if (network.outputs().containsKey(LOGITS)) {
      outputs.add(LOGITS);
    } else {
      // A backbone: what its last stage gives.
      outputs.add(new ArrayList<>(network.outputs().keySet()).get(network.outputs().size() - 1));
    }
    return outputs;
  }

  private static List<TensorMetadata> inputs(Engine engine, Model model) {
    List<TensorMetadata> inputs = new ArrayList<>();
    inputs.add(new TensorMetadata(IMAGE, Datatypes.BYTES, List.of(-1L)));
    if (!engine.takesPixels()) {
      Preprocessing size = model.preprocessing();
      inputs.add(
          new TensorMetadata(
              TENSOR,
              Datatypes.FP32,
              List.of(
                  -1L, (long) size.channels(), (long) size.cropHeight(), (long) size.cropWidth())));
    }
    return List.copyOf(inputs);
  }

  private static Map<String, TensorMetadata> outputs(Model model, Set<String> names) {
    Preprocessing size = model.preprocessing();
    List<Shape> shapes = model.network().shapes(1, size.cropHeight(), size.cropWidth());
    Map<String, TensorMetadata> outputs = new LinkedHashMap<>();
    for (String output : names) {
      int[] dimensions = shapes.get(model.network().output(output).id()).toArray();
      List<Long> shape = new ArrayList<>(List.of(-1L));
      for (int i = 1; i < dimensions.length; i++) {
        shape.add((long) dimensions[i]);
      }
      outputs.put(output, new TensorMetadata(output, Datatypes.FP32, List.copyOf(shape)));
      if (output.equals(LOGITS)) {
        outputs.put(
            PROBABILITIES, new TensorMetadata(PROBABILITIES, Datatypes.FP32, List.copyOf(shape)));
      }
    }
    return outputs;
  }

  /**
   * Keeps it open until {@link #release}.
   *
   * @return false if it is retired: there is another one, or none
   */
  boolean acquire() {
    for (int now = leases.get(); now > 0; now = leases.get()) {
      if (leases.compareAndSet(now, now + 1)) {
        return true;
      }
    }
    return false;
  }

  /** Gives a lease back. */
  public void release() {
    if (leases.decrementAndGet() == 0) {
      unused.countDown();
    }
  }

  /**
   * Lets nobody else have it, waits for those who are submitting, runs the queue, and closes it. If
   * the calling thread is interrupted, what waits in the queue is rejected instead.
   */
  void retire() {
    release();
    boolean interrupted = false;
    while (unused.getCount() > 0) {
      try {
        unused.await();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    batcher.close();
    model.close();
  }

  /**
   * Its name.
   *
   * @return as clients know it
   */
  public String name() {
    return name;
  }

  /**
   * Its version.
   *
   * @return a number as text
   */
  public String version() {
    return version;
  }

  /**
   * What runs it.
   *
   * @return {@code resfuse_} and the engine's name
   */
  public String platform() {
    return platform;
  }

  /**
   * Its queue.
   *
   * @return open while there is a lease
   */
  public Batcher batcher() {
    return batcher;
  }

  /**
   * How its batches are formed.
   *
   * @return the options
   */
  public BatchOptions batching() {
    return batching;
  }

  /**
   * What it counts.
   *
   * @return shared by all that have had its name and version
   */
  public ModelMetrics metrics() {
    return metrics;
  }

  /**
   * Its inputs, of which a request has one.
   *
   * @return {@link #IMAGE}, and {@link #TENSOR} where the engine takes tensors
   */
  public List<TensorMetadata> inputs() {
    return inputs;
  }

  /**
   * Its outputs.
   *
   * @return by name, in a fixed order
   */
  public Map<String, TensorMetadata> outputs() {
    return outputs;
  }

  /**
   * What logits say.
   *
   * @param logits of one image
   * @param top how many classes are wanted
   * @return best first
   */
  public List<Prediction> predictions(HostTensor logits, int top) {
    return model.predictions(logits, top);
  }

  /**
   * Whether its classes have names.
   *
   * @return false if they have numbers only
   */
  public boolean isLabelled() {
    return labelled;
  }
}
