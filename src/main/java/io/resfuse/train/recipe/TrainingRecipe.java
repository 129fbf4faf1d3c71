package io.resfuse.train.recipe;

import io.resfuse.data.image.Decoding;
import io.resfuse.engine.Precision;
import java.util.Objects;

/**
 * Everything that decides what comes out of a training but the data and the engine: the same recipe
 * on the same data and engine gives the same weights. Immutable; read from YAML or JSON by {@link
 * RecipeReader}, where names are written {@code like_this}.
 *
 * @param network a variant of {@code resfuse summary}
 * @param shortcut {@code identity} or {@code projection} where shapes differ, empty for the
 *     variant's own
 * @param data which data set it is for: a known name, or empty
 * @param preprocessing a name that {@link io.resfuse.data.image.Preprocessing#of} knows, empty for
 *     the one that fits the data
 * @param epochs passes over the training pictures
 * @param batch pictures per forward pass
 * @param accumulate batches whose gradients are averaged before each optimizer step
 * @param shards parts of the same size that each batch is cut into, a power of two; batch norms
 *     have statistics of each part's own. A training runs on at most as many devices, and gives the
 *     same bits on any number of them
 * @param seed of initial weights, order and augmentation
 * @param precision {@code auto} for the engine's usual one, or a name of {@link Precision}
 * @param optimizer how gradients change weights
 * @param schedule learning rate per step
 * @param labelSmoothing 0 for none (Szegedy et al. 2016, section 7)
 * @param auxiliaryWeight of the loss of a segmentation network's auxiliary head; 0 trains without
 *     that head
 * @param clipNorm largest norm of all gradients together, 0 for any (Pascanu et al. 2013)
 * @param average exponential moving average of the weights
 * @param zeroLastGamma whether residual blocks begin as identities (Goyal et al. 2017, section 5.1)
 * @param augment what is done to training pictures
 * @param decode whether JPEGs are decoded whole
 * @param validation pictures held out of the training set for the evaluations during training, or
 *     below 1 the share of each class; 0 evaluates on the test set. The test set is evaluated at
 *     the end in any case; data without one is measured on what is held out, 0.2 where this is 0
 * @param perClass training pictures of each class, drawn at random; 0 for all
 * @param evaluateEvery epochs between evaluations
 * @param earlyStop when it ends early
 * @param transfer weights to begin with
 */
public record TrainingRecipe(
    String network,
    String shortcut,
    String data,
    String preprocessing,
    int epochs,
    int batch,
    int accumulate,
    Integer shards,
    long seed,
    String precision,
    OptimizerRecipe optimizer,
    ScheduleRecipe schedule,
    double labelSmoothing,
    Double auxiliaryWeight,
    double clipNorm,
    AverageRecipe average,
    boolean zeroLastGamma,
    AugmentationRecipe augment,
    Decoding decode,
    double validation,
    int perClass,
    int evaluateEvery,
    EarlyStopRecipe earlyStop,
    TransferRecipe transfer) {
  /** The precision that leaves the choice to the engine. */
  public static final String AUTO = "auto";

  /** torchvision's weight of an auxiliary head's loss. */
  private static final double AUXILIARY_WEIGHT = 0.5;

  /**
   * Checks all ranges.
   *
   * @param network as in the record
   * @param shortcut as in the record
   * @param data as in the record
   * @param preprocessing as in the record
   * @param epochs as in the record
   * @param batch as in the record
   * @param accumulate as in the record
   * @param shards as in the record
   * @param seed as in the record
   * @param precision as in the record
   * @param optimizer as in the record
   * @param schedule as in the record
   * @param labelSmoothing as in the record
   * @param auxiliaryWeight as in the record
   * @param clipNorm as in the record
   * @param average as in the record
   * @param zeroLastGamma as in the record
   * @param augment as in the record
   * @param decode as in the record
   * @param validation as in the record
   * @param perClass as in the record
   * @param evaluateEvery as in the record
   * @param earlyStop as in the record
   * @param transfer as in the record
   * @throws IllegalArgumentException with a line per mistake
   */
  public TrainingRecipe {
    // Recipes in checkpoints of former versions do not say these.
    decode = Objects.requireNonNullElse(decode, Decoding.EXACT);
    shards = Objects.requireNonNullElse(shards, 1);
    auxiliaryWeight = Objects.requireNonNullElse(auxiliaryWeight, AUXILIARY_WEIGHT);
    Problems problems = new Problems();
    problems.range("epochs", epochs, 1, Double.MAX_VALUE);
    problems.range("batch", batch, 1, Double.MAX_VALUE);
    problems.range("accumulate", accumulate, 1, Double.MAX_VALUE);
    if (shards < 1 || Integer.bitCount(shards) != 1) {
      problems.add("shards must be 1, 2, 4, 8, ..., got %s", shards);
    } else if (batch % shards != 0) {
      problems.add("batch is %s, which %s shards cannot share evenly", batch, shards);
    }
    problems.range("auxiliary_weight", auxiliaryWeight, 0, Double.MAX_VALUE);
    problems.range("clip_norm", clipNorm, 0, Double.MAX_VALUE);
    problems.range("validation", validation, 0, Integer.MAX_VALUE);
    if (validation > 1 && validation != Math.rint(validation)) {
      problems.add(
          "validation must be a share below 1 or a whole number of pictures, got %s", validation);
    }
    problems.range("per_class", perClass, 0, Double.MAX_VALUE);
    problems.range("evaluate_every", evaluateEvery, 1, Double.MAX_VALUE);
    if (!(labelSmoothing >= 0 && labelSmoothing < 1)) {
      problems.add("label_smoothing must be at least 0 and below 1, got %s", labelSmoothing);
    }
    if (!shortcut.isEmpty() && !shortcut.equals("identity") && !shortcut.equals("projection")) {
      problems.add("shortcut is '%s'; there are identity and projection", shortcut);
    }
    if (!precision.equals(AUTO)) {
      try {
        Precision.parse(precision);
      } catch (IllegalArgumentException e) {
        problems.add("precision: %s", e.getMessage());
      }
    }
    optimizer.check(problems);
    schedule.check(problems, epochs);
    average.check(problems);
    augment.check(problems);
    earlyStop.check(problems);
    transfer.check(problems);
    problems.throwIfAny("the recipe cannot be used");
  }

  /**
   * What a recipe is where it says nothing: ResNet-20, 10 epochs of batches of 128, SGD with
   * momentum 0.9 and weight decay 1e-4, half a cosine from 0.1, nothing else.
   *
   * @return a recipe
   */
  public static TrainingRecipe defaults() {
    return new TrainingRecipe(
        "resnet20",
        "",
        "",
        "",
        10,
        128,
        1,
        1,
        0,
        AUTO,
        OptimizerRecipe.defaults(),
        ScheduleRecipe.defaults(),
        0,
        AUXILIARY_WEIGHT,
        0,
        AverageRecipe.none(),
        false,
        AugmentationRecipe.none(),
        Decoding.EXACT,
        0,
        0,
        1,
        EarlyStopRecipe.never(),
        TransferRecipe.none());
  }

  /**
   * The precision on an engine.
   *
   * @param usual the engine's own choice
   * @return what is asked for
   */
  public Precision precisionOr(Precision usual) {
    return precision.equals(AUTO) ? usual : Precision.parse(precision);
  }
}
