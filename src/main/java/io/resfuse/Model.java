package io.resfuse;

import io.resfuse.batch.BatchOptions;
import io.resfuse.batch.BatchTarget;
import io.resfuse.batch.Batcher;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.Normalization;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.data.image.Preprocessor;
import io.resfuse.engine.Engine;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PixelScaling;
import io.resfuse.engine.PlanPool;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Value;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.weights.ModelFile;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A network with weights on an engine, ready for pictures. Thread-safe: threads share the weights,
 * and each call borrows a plan (see {@link PlanPool}). Closing waits for nobody: calls that run
 * finish, later ones throw {@link IllegalStateException}. The engine may be closed before or after
 * it.
 */
public final class Model implements AutoCloseable {
  private static final String LOGITS = "logits";

  private final NetworkSpec network;
  private final List<String> labels;
  private final Preprocessing preprocessing;
  private final ThreadLocal<Preprocessor> preprocessors;
  private final ImageDecoder decoder = new ImageDecoder();
  private final PlanPool plans;

  /** Of pixels; null where the engine takes floats. */
  private final @Nullable PixelScaling scaling;

  private Model(
      NetworkSpec network,
      List<String> labels,
      Preprocessing preprocessing,
      @Nullable PixelScaling scaling,
      PlanPool plans) {
    this.scaling = scaling;
    this.network = network;
    this.labels = labels;
    this.preprocessing = preprocessing;
    this.preprocessors = ThreadLocal.withInitial(preprocessing::newPreprocessor);
    this.plans = plans;
  }

  /**
   * Brings a model onto an engine, with the preprocessing that its file names, or else with {@link
   * ModelFile#preset()}, one plan running at a time.
   *
   * @param engine where it runs; not owned
   * @param file configuration, weights, labels
   * @param precision of activations and products
   * @return the model, to be closed
   */
  public static Model load(Engine engine, ModelFile file, Precision precision) {
    return load(engine, file, precision, Preprocessing.of(file.preset()), 1);
  }

  /**
   * Brings a model onto an engine.
   *
   * @param engine where it runs; not owned
   * @param file configuration, weights, labels
   * @param precision of activations and products
   * @param preprocessing what is done to pictures
   * @param concurrency how many plans may run at once; each uses all of the engine's threads
   * @return the model, to be closed
   */
  public static Model load(
      Engine engine,
      ModelFile file,
      Precision precision,
      Preprocessing preprocessing,
      int concurrency) {
    NetworkSpec network = file.network();
    if (preprocessing.channels() != network.input().channels()) {
      throw new IllegalArgumentException(
          network.name()
              + " takes images of "
              + network.input().channels()
              + " channels, preprocessing '"
              + preprocessing.name()
              + "' makes "
              + preprocessing.channels()
              + "; choose another preprocessing");
    }
    Normalization how = preprocessing.normalization();
    PixelScaling scaling =
        engine.takesPixels() ? PixelScaling.of(how.divisor(), how.mean(), how.std()) : null;
    PlanPool plans =
        new PlanPool(
            engine.load(network, file.parameters(), precision), concurrency, concurrency + 1);
    return new Model(network, file.metadata().labels(), preprocessing, scaling, plans);
  }

  /**
   * The network.
   *
   * @return its operations, outputs and parameters
   */
  public NetworkSpec network() {
    return network;
  }

  /**
   * What is done to pictures before they reach the network.
   *
   * @return the preprocessing
   */
  public Preprocessing preprocessing() {
    return preprocessing;
  }

  /**
   * Classifies a picture in a file.
   *
   * @param file JPEG, PNG, GIF, BMP or WebP
   * @param top how many classes are wanted
   * @return the most probable classes, best first
   */
  public List<Prediction> classify(Path file, int top) {
    Image image = decoder.read(file, new PixelScratch(), preprocessing.wholePictures());
    return classify(List.of(image), top).get(0);
  }

  /**
   * Classifies pictures in one batch.
   *
   * @param images at least one
   * @param top how many classes are wanted
   * @return for each picture the most probable classes, best first
   * @throws IllegalStateException if the network gives classes to pixels: see {@link #segment}
   */
  public List<List<Prediction>> classify(List<Image> images, int top) {
    HostTensor logits = run(images, Set.of(LOGITS)).get(LOGITS);
    if (logits.shape().rank() != 2) {
      throw new IllegalStateException(
          "this network gives each pixel a class, not the picture; take segment");
    }
    List<List<Prediction>> results = new ArrayList<>();
    float[] row = new float[logits.shape().dimension(1)];
    for (int i = 0; i < images.size(); i++) {
      logits.buffer().get(i * row.length, row);
      results.add(predictions(row, top));
    }
    return results;
  }

  /**
   * Gives each pixel of a picture its class. The whole picture is resized to the preprocessing's
   * short side, in proportion and without its crop, and runs through the network; the logits are
   * resized to the picture bilinearly, and the largest decides, the first of equal ones.
   *
   * @param image of any size
   * @return as large as the picture, one channel: 0 to classes - 1, and 255 where the logits are no
   *     numbers
   * @throws IllegalStateException if the network gives no class to each pixel
   * @throws IllegalArgumentException if the picture is so long that it would be too large
   */
  public Image segment(Image image) {
    Value logits = network.outputs().get(LOGITS);
    if (logits == null || logits.isFlat() || logits.channels() > PixelClasses.NONE) {
      throw new IllegalStateException(
          network.name()
              + " does not give each pixel one of at most "
              + PixelClasses.NONE
              + " classes; load a segmentation network such as fcn_resnet50");
    }
    Preprocessing whole = preprocessing.uncropped(image.width(), image.height());
    HostTensor input =
        HostTensor.zeros(Shape.of(1, whole.channels(), whole.cropHeight(), whole.cropWidth()));
    whole.newPreprocessor().write(image, input.buffer(), 0, TensorLayout.NCHW);
    HostTensor result = run(input, Set.of(LOGITS)).get(LOGITS);
    return PixelClasses.of(result, image.width(), image.height());
  }

  /**
   * Runs pictures through the network and returns what was asked for, the stages of a backbone for
   * example.
   *
   * @param images at least one; each is preprocessed
   * @param outputs keys of {@link NetworkSpec#outputs()}
   * @return by output: (batch, channels, height, width), or (batch, channels), in NCHW
   */
  public Map<String, HostTensor> run(List<Image> images, Set<String> outputs) {
    PlanRequest request =
        new PlanRequest(
                images.size(),
                preprocessing.cropHeight(),
                preprocessing.cropWidth(),
                TensorLayout.NCHW,
                outputs)
            .withPixels(scaling);
    return plans.with(
        request,
        plan -> {
          Preprocessor preprocessor = preprocessors.get();
          for (int i = 0; i < images.size(); i++) {
            if (scaling == null) {
              preprocessor.write(images.get(i), plan.input(), i, TensorLayout.NCHW);
            } else {
              preprocessor.writePixels(images.get(i), plan.pixels(), i);
            }
          }
          return finish(plan, outputs);
        });
  }

  /**
   * Runs a batch that is preprocessed already.
   *
   * @param images (batch, channels, height, width) of any size that the network takes
   * @param outputs keys of {@link NetworkSpec#outputs()}
   * @return by output, in NCHW
   */
  public Map<String, HostTensor> run(HostTensor images, Set<String> outputs) {
    Shape shape = images.shape();
    if (shape.rank() != 4 || shape.dimension(1) != network.input().channels()) {
      throw new IllegalArgumentException(
          network.name()
              + " takes images of shape batch x "
              + network.input().channels()
              + " x height x width, got "
              + shape);
    }
    PlanRequest request =
        new PlanRequest(
            shape.dimension(0), shape.dimension(2), shape.dimension(3), TensorLayout.NCHW, outputs);
    return plans.with(
        request,
        plan -> {
          plan.input().put(0, images.buffer(), 0, Math.toIntExact(shape.elements()));
          return finish(plan, outputs);
        });
  }

  /**
   * Forms batches of pictures that many threads submit, of whatever this model's preprocessing
   * makes of them, and of tensors of that size where the engine takes floats. It has plans of its
   * own and shares the weights; close it before or after the model.
   *
   * @param outputs keys of {@link NetworkSpec#outputs()}
   * @param options how batches are formed
   * @return a batcher, to be closed
   * @throws IllegalStateException if the model is closed
   */
  public Batcher newBatcher(Set<String> outputs, BatchOptions options) {
    PlanRequest request =
        new PlanRequest(
                1,
                preprocessing.cropHeight(),
                preprocessing.cropWidth(),
                TensorLayout.NCHW,
                outputs)
            .withPixels(scaling);
    return new Batcher(
        List.of(new BatchTarget(plans.network(), plans.concurrency())),
        request,
        preprocessing,
        options);
  }

  private static Map<String, HostTensor> finish(InferencePlan plan, Set<String> outputs) {
    plan.run();
    Map<String, HostTensor> results = new LinkedHashMap<>();
    for (String output : outputs) {
      FloatBuffer buffer = plan.output(output);
      float[] copy = new float[buffer.capacity()];
      buffer.get(0, copy);
      results.put(output, HostTensor.of(plan.outputShape(output), copy));
    }
    return results;
  }

  /**
   * What logits say.
   *
   * @param logits of one picture, as {@link #run} and batchers give them
   * @param top how many classes are wanted
   * @return the most probable classes, best first
   */
  public List<Prediction> predictions(HostTensor logits, int top) {
    return predictions(logits.toArray(), top);
  }

  /**
   * The softmax of logits.
   *
   * @param logits of one picture, as {@link #run} and batchers give them
   * @return of each class, its probability
   */
  public static double[] probabilities(HostTensor logits) {
    return probabilities(logits.toArray());
  }

  private static double[] probabilities(float[] logits) {
    double largest = Double.NEGATIVE_INFINITY;
    for (float logit : logits) {
      largest = Math.max(largest, logit);
    }
    double[] probabilities = new double[logits.length];
    double sum = 0;
    for (int i = 0; i < logits.length; i++) {
      probabilities[i] = Math.exp(logits[i] - largest);
      sum += probabilities[i];
    }
    for (int i = 0; i < logits.length; i++) {
      probabilities[i] /= sum;
    }
    return probabilities;
  }

  private List<Prediction> predictions(float[] logits, int top) {
    double[] probabilities = probabilities(logits);
    List<Prediction> best = new ArrayList<>();
    boolean[] taken = new boolean[logits.length];
    for (int place = 0; place < Math.min(top, logits.length); place++) {
      int index = -1;
      for (int i = 0; i < logits.length; i++) {
        if (!taken[i] && (index < 0 || logits[i] > logits[index])) {
          index = i;
        }
      }
      taken[index] = true;
      best.add(new Prediction(index, label(index), probabilities[index]));
    }
    return best;
  }

  /**
   * The name of a class.
   *
   * @param index its number
   * @return the file's label, or {@code class 7} where it has none
   */
  public String label(int index) {
    @Nullable String label = labels.isEmpty() ? null : labels.get(index);
    return label == null ? "class " + index : label;
  }

  /** Frees the plans and weights. Idempotent. */
  @Override
  public void close() {
    plans.close();
  }
}
