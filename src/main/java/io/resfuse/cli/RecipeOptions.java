package io.resfuse.cli;

import io.resfuse.train.recipe.RecipeReader;
import io.resfuse.train.recipe.TrainingRecipe;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How a training is done: a file, and what differs from it. */
final class RecipeOptions {
  @Option(
      names = "--recipe",
      paramLabel = "FILE",
      description =
          "Train by this recipe, in YAML or JSON; see docs/training.md and the folder recipes.")
  private @Nullable Path file;

  @Option(
      names = "--set",
      paramLabel = "NAME=VALUE",
      description =
          "Set anything that a recipe may have: --set schedule.kind=one-cycle --set"
              + " augment.flip=0.5. Replaces what the file says; an option for the same thing"
              + " replaces this.")
  private Map<String, String> settings = new LinkedHashMap<>();

  @Option(
      names = "--epochs",
      paramLabel = "N",
      description = "How often to go through all pictures.")
  private @Nullable String epochs;

  @Option(names = "--batch", paramLabel = "N", description = "How many pictures a step takes.")
  private @Nullable String batch;

  @Option(
      names = "--shards",
      paramLabel = "N",
      description =
          "Cut each batch into this many parts, which up to as many devices share: a power of two (default:"
              + " 1). The number of devices changes no bit, the number of parts does.")
  private @Nullable String shards;

  @Option(
      names = {"--learning-rate", "--lr"},
      paramLabel = "RATE",
      description = "The rate at which the schedule begins, or its peak where it rises first.")
  private @Nullable String learningRate;

  @Option(
      names = "--validation",
      paramLabel = "SHARE",
      description =
          "Hold this share of each class out of the training pictures: for the evaluations during training,"
              + " and for the last one where the data has no test part (default: 0; 0.2 where the"
              + " data has none).")
  private @Nullable String validation;

  @Option(names = "--decode", paramLabel = "HOW", description = DecodeOption.DESCRIPTION)
  private @Nullable String decode;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description =
          "The seed of initial weights, order and augmentation. The same seed gives the same"
              + " weights.")
  private @Nullable String seed;

  /** The recipe with further settings, of which those that are null are left out. */
  TrainingRecipe read(Map<String, @Nullable String> more) {
    Map<String, String> all = new LinkedHashMap<>(settings);
    put(all, "epochs", epochs);
    put(all, "batch", batch);
    put(all, "shards", shards);
    put(all, "schedule.learning_rate", learningRate);
    put(all, "validation", validation);
    put(all, "decode", decode);
    put(all, "seed", seed);
    more.forEach((name, value) -> put(all, name, value));
    return RecipeReader.read(file, all);
  }

  private static void put(Map<String, String> all, String name, @Nullable String value) {
    if (value != null) {
      all.put(name, value);
    }
  }
}
