package io.resfuse.train.run;

import io.resfuse.engine.Engine;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.model.ClassifierHead;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.train.BatchSource;
import io.resfuse.train.BatchStream;
import io.resfuse.train.Feeding;
import io.resfuse.train.TrainingJob;
import io.resfuse.train.TrainingListener;
import io.resfuse.train.recipe.TrainingRecipe;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Runs a frozen backbone over pictures once, so that a head can be trained on what it gives:
 * features of one pixel. Stateless.
 */
final class FeatureCache {
  private static final String POOLED = "pooled";

  private FeatureCache() {}

  /** The job of training the head of a setup on features of its backbone. */
  static TrainingJob job(
      Engine engine, Precision precision, TrainingSetup setup, TrainingListener listener) {
    listener.notice("the backbone is frozen: its features are computed once");
    Features training = compute(engine, precision, setup, setup.plainTraining());
    Features validation = compute(engine, precision, setup, setup.validationBatches());
    NetworkSpec head = headOf(setup.network(), setup.config().classes());
    TrainingRecipe recipe = setup.recipe();
    return new TrainingJob(
        recipe,
        head,
        new Parameters(head, setup.initial().asMap()),
        Set.of(),
        new FeatureSource(training, recipe.batch(), recipe.seed(), true),
        new FeatureSource(validation, recipe.batch(), recipe.seed(), false),
        1,
        1,
        setup.test().classes());
  }

  /** The head alone, as a network for images of one pixel. */
  static NetworkSpec headOf(NetworkSpec network, int classes) {
    NetworkBuilder builder =
        new NetworkBuilder(network.name() + "-head", network.output(POOLED).channels());
    new ClassifierHead(linearOf(network), classes).append(builder, builder.input());
    return builder.build();
  }

  private static String linearOf(NetworkSpec network) {
    return network.operations().stream()
        .filter(operation -> operation instanceof Operation.Linear)
        .map(Operation::name)
        .findFirst()
        .orElseThrow();
  }

  /** The whole network's parameters with a trained head. */
  static Parameters joined(TrainingSetup setup, Parameters head) {
    Map<String, HostTensor> all = new LinkedHashMap<>(setup.initial().asMap());
    all.putAll(head.asMap());
    return new Parameters(setup.network(), all);
  }

  /** The memory that the features of a number of pictures take, in bytes. */
  static long bytes(TrainingSetup setup, long pictures) {
    return pictures * setup.network().output(POOLED).channels() * Float.BYTES;
  }

  private static Features compute(
      Engine engine, Precision precision, TrainingSetup setup, BatchSource source) {
    Feeding feeding = Feeding.of(engine, source);
    PlanRequest request =
        feeding.asked(
            new PlanRequest(
                source.batchSize(),
                setup.preprocessing().cropHeight(),
                setup.preprocessing().cropWidth(),
                TensorLayout.NCHW,
                Set.of(POOLED)));
    float[][] features = new float[source.pictures()][];
    int[] labels = new int[source.pictures()];
    int[] samples = new int[source.pictures()];
    int count = 0;
    try (LoadedNetwork loaded = engine.load(setup.network(), setup.initial(), precision);
        InferencePlan plan = loaded.plan(request);
        BatchStream batches = feeding.open(0, 0)) {
      FloatBuffer pooled = plan.output(POOLED);
      int channels = plan.outputShape(POOLED).dimension(1);
      while (batches.advance()) {
        Feeding.put(batches, plan);
        plan.run();
        for (int i = 0; i < source.batchSize(); i++) {
          if (batches.labels()[i] >= 0) {
            features[count] = new float[channels];
            pooled.get(i * channels, features[count]);
            labels[count] = batches.labels()[i];
            samples[count] = batches.samples()[i];
            count++;
          }
        }
      }
      return new Features(
          Arrays.copyOf(features, count),
          Arrays.copyOf(labels, count),
          Arrays.copyOf(samples, count),
          batches.unreadable());
    }
  }
}
