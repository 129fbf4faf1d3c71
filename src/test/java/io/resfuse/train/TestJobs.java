package io.resfuse.train;

import io.resfuse.engine.Communicator;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.train.recipe.RecipeReader;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.train.run.TrainingSetup;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Small trainings that take well under a second. */
public final class TestJobs {
  private TestJobs() {}

  /** A recipe for {@link Shapes8}: resnet8 on 8 x 8 pixels, 3 epochs of 6 batches of 8. */
  public static TrainingRecipe recipe(String... settings) {
    Map<String, String> map = new LinkedHashMap<>();
    map.put("network", "resnet8");
    map.put("preprocessing", "fashion-mnist@8:8");
    map.put("epochs", "3");
    map.put("batch", "8");
    map.put("seed", "5");
    map.put("schedule.learning_rate", "0.05");
    for (String setting : settings) {
      String[] parts = setting.split("=", 2);
      map.put(parts[0], parts[1]);
    }
    return RecipeReader.read(null, map);
  }

  static TrainingSetup setup(TrainingRecipe recipe, int loaderThreads) {
    return TrainingSetup.of(recipe, new Shapes8(51, 1), new Shapes8(30, 2), null, loaderThreads);
  }

  static Engine engine() {
    return Engines.open("auto", new EngineOptions(1, ""));
  }

  static Trainer trainer(
      Engine engine,
      TrainingRecipe recipe,
      RunOptions options,
      @Nullable Path folder,
      TrainingListener listener) {
    return new Trainer(engine, setup(recipe, 1).job(), Precision.FP32, options, folder, listener);
  }

  /** One of several that train together. */
  static Trainer trainer(
      Engine engine,
      TrainingRecipe recipe,
      RunOptions options,
      @Nullable Path folder,
      TrainingListener listener,
      Communicator processes) {
    return new Trainer(
        engine, setup(recipe, 1).job(processes), Precision.FP32, options, folder, listener);
  }

  static Map<String, float[]> values(Parameters parameters) {
    Map<String, float[]> values = new LinkedHashMap<>();
    parameters.asMap().forEach((name, tensor) -> values.put(name, tensor.toArray()));
    return values;
  }
}
