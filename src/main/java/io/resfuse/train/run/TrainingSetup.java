package io.resfuse.train.run;

import io.resfuse.data.SampleRandom;
import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.MapDatasets;
import io.resfuse.data.dataset.Parts;
import io.resfuse.data.dataset.Pictures;
import io.resfuse.data.dataset.SegmentationDataset;
import io.resfuse.data.image.Decoding;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.data.loader.Loader;
import io.resfuse.engine.Communicator;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.model.Initializer;
import io.resfuse.model.NetworkConfig;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.SegmentationConfig;
import io.resfuse.platform.Printable;
import io.resfuse.tensor.HostTensor;
import io.resfuse.train.BatchSource;
import io.resfuse.train.Evaluator;
import io.resfuse.train.Trainer;
import io.resfuse.train.TrainingJob;
import io.resfuse.train.recipe.Stages;
import io.resfuse.train.recipe.TrainingRecipe;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.ModelMetadata;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A recipe put together with data: which network with which first weights learns from which
 * pictures. Immutable.
 */
public final class TrainingSetup {
  private static final int HOLD_OUT = -7;

  private final TrainingRecipe recipe;
  private final Preprocessing preprocessing;
  private final NetworkConfig config;
  private final NetworkSpec network;
  private final Parameters initial;
  private final Set<String> frozen;
  private final @Nullable Parts parts;
  private final Pictures training;
  private final Pictures validation;
  private final Pictures test;
  private final int loaderThreads;

  /** What is learned from, judged by during the training, and judged by at its end. */
  private record Sets(Pictures training, Pictures validation, Pictures test) {}

  private TrainingSetup(
      TrainingRecipe recipe,
      Preprocessing preprocessing,
      NetworkConfig config,
      @Nullable ModelFile pretrained,
      @Nullable Parts parts,
      Sets sets,
      int loaderThreads) {
    this.recipe = recipe;
    this.preprocessing = preprocessing;
    this.config = config;
    this.network = config.build();
    this.initial = firstWeights(recipe, config, network, pretrained);
    Stages stages = Stages.of(network);
    this.frozen = stages.parametersOf(recipe.transfer().frozenStages(stages.names()));
    stages.parametersOf(List.copyOf(recipe.transfer().rates().keySet()));
    this.parts = parts;
    this.training = sets.training();
    this.validation = sets.validation();
    this.test = sets.test();
    this.loaderThreads = loaderThreads;
  }

  /**
   * Puts them together.
   *
   * @param recipe how to train
   * @param training pictures to learn from
   * @param test pictures to evaluate on, of classes with the same names
   * @param pretrained a network to begin with, whose configuration then replaces the recipe's; null
   *     for fresh weights
   * @param loaderThreads that decode and augment, at least 1
   * @return the setup
   * @throws IllegalArgumentException if the parts do not fit
   */
  public static TrainingSetup of(
      TrainingRecipe recipe,
      Dataset training,
      Dataset test,
      @Nullable ModelFile pretrained,
      int loaderThreads) {
    return of(recipe, Parts.of(training, test), pretrained, loaderThreads);
  }

  /**
   * Puts them together.
   *
   * @param recipe how to train
   * @param parts pictures to learn from and to evaluate on
   * @param pretrained a network to begin with, whose configuration then replaces the recipe's; null
   *     for fresh weights
   * @param loaderThreads that decode and augment, at least 1
   * @return the setup
   * @throws IllegalArgumentException if the parts do not fit
   */
  public static TrainingSetup of(
      TrainingRecipe recipe, Parts parts, @Nullable ModelFile pretrained, int loaderThreads) {
    Dataset training = parts.training();
    Dataset chosen =
        recipe.perClass() == 0
            ? training
            : training.balancedSubset(recipe.perClass(), recipe.seed());
    NetworkConfig config = config(recipe, pretrained);
    if (config instanceof SegmentationConfig) {
      throw new IllegalArgumentException(
          "%s gives each pixel a class, but %s has a class for each picture; give a folder with train and test, each with pictures and their masks"
              .formatted(config.name(), Printable.of(training.name())));
    }
    Preprocessing preprocessing = preprocessing(recipe, training.preset(), config, pretrained);
    return new TrainingSetup(
        recipe,
        preprocessing,
        fitted(config, recipe, preprocessing, pretrained).withClasses(training.classes().size()),
        pretrained,
        parts,
        split(chosen, parts, recipe),
        loaderThreads);
  }

  /**
   * Puts a segmentation network together with pictures that have a class for each pixel.
   *
   * @param recipe how to train
   * @param training pictures to learn from
   * @param test pictures to evaluate on, whose classes are brought into the order of the training
   *     pictures' by their names
   * @param pretrained a network to begin with: a segmentation network, whose configuration then
   *     replaces the recipe's, or the ResNet that the recipe's is built on; null for fresh weights
   * @param loaderThreads that decode and augment, at least 1
   * @return the setup
   * @throws IllegalArgumentException if the parts do not fit
   */
  public static TrainingSetup of(
      TrainingRecipe recipe,
      SegmentationDataset training,
      SegmentationDataset test,
      @Nullable ModelFile pretrained,
      int loaderThreads) {
    NetworkConfig config = config(recipe, pretrained);
    if (!(config instanceof SegmentationConfig segmentation)) {
      throw new IllegalArgumentException(
          "%s gives a picture one class, but %s has a class for each pixel; choose a network such as fcn_resnet20 or deeplabv3_resnet50"
              .formatted(config.name(), Printable.of(training.name())));
    }
    if (recipe.perClass() != 0) {
      throw new IllegalArgumentException(
          "per_class counts pictures of a class, but here each picture has several; leave it out");
    }
    if (recipe.auxiliaryWeight() == 0) {
      segmentation = segmentation.withAuxiliary(false);
    }
    Preprocessing preprocessing = preprocessing(recipe, null, config, pretrained);
    return new TrainingSetup(
        recipe,
        preprocessing,
        fitted(segmentation, recipe, preprocessing, pretrained)
            .withClasses(training.classes().size()),
        pretrained,
        null,
        split(training, MapDatasets.withClasses(test, training.classes()), recipe),
        loaderThreads);
  }

  /** The network that is trained, but for classes, channels and shortcuts. */
  private static NetworkConfig config(TrainingRecipe recipe, @Nullable ModelFile pretrained) {
    if (pretrained == null) {
      return NetworkConfig.of(recipe.network());
    }
    if (pretrained.config() instanceof ResNetConfig resNet
        && NetworkConfig.of(recipe.network()) instanceof SegmentationConfig wanted) {
      if (!wanted.backbone().variant().hasTableOf(resNet.variant())) {
        throw new IllegalArgumentException(
            "the weights to begin with are those of a %s, but %s is built on a %s; choose others, or another network"
                .formatted(resNet.name(), wanted.name(), wanted.backbone().name()));
      }
      return SegmentationConfig.of(wanted.head(), resNet);
    }
    return pretrained.config();
  }

  /** The network with the channels and shortcuts that are wanted. */
  private static NetworkConfig fitted(
      NetworkConfig config,
      TrainingRecipe recipe,
      Preprocessing preprocessing,
      @Nullable ModelFile pretrained) {
    if (pretrained == null) {
      NetworkConfig fitted = config.withInputChannels(preprocessing.channels());
      return recipe.shortcut().isEmpty() ? fitted : withShortcut(fitted, recipe.shortcut());
    }
    if (config.inputChannels() != preprocessing.channels()) {
      throw new IllegalArgumentException(
          "%s takes images of %d channels, preprocessing '%s' makes %d; choose another"
              .formatted(
                  config.name(),
                  config.inputChannels(),
                  preprocessing.name(),
                  preprocessing.channels()));
    }
    return config;
  }

  private static NetworkConfig withShortcut(NetworkConfig config, String kind) {
    if (config instanceof ResNetConfig resNet) {
      return resNet.withShortcut(ResNetConfig.Shortcut.valueOf(kind.toUpperCase(Locale.ROOT)));
    }
    throw new IllegalArgumentException(
        "%s has no shortcuts, but the recipe says shortcut: %s; leave it out"
            .formatted(config.name(), kind));
  }

  private static Preprocessing preprocessing(
      TrainingRecipe recipe,
      @Nullable String preset,
      NetworkConfig config,
      @Nullable ModelFile pretrained) {
    if (!recipe.preprocessing().isEmpty()) {
      return Preprocessing.of(recipe.preprocessing());
    }
    if (pretrained != null) {
      return Preprocessing.of(pretrained.preset());
    }
    return Preprocessing.of(preset == null ? ModelFile.preset(config) : preset);
  }

  private static Sets split(Dataset all, Parts parts, TrainingRecipe recipe) {
    Dataset test = parts.test();
    if (recipe.validation() == 0 || parts.heldOut()) {
      return new Sets(all, test, test);
    }
    if (recipe.validation() < 1) {
      Parts held = Parts.holdingOut(all, recipe.validation(), recipe.seed());
      return new Sets(held.training(), held.test(), test);
    }
    int held = (int) recipe.validation();
    int[] order = drawn(all, held, recipe);
    return new Sets(all.subset(rest(order, held)), all.subset(first(order, held)), test);
  }

  private static Sets split(
      SegmentationDataset all, SegmentationDataset test, TrainingRecipe recipe) {
    if (recipe.validation() == 0) {
      return new Sets(all, test, test);
    }
    double wanted = recipe.validation();
    int held = (int) (wanted < 1 ? Math.max(1, Math.round(wanted * all.size())) : wanted);
    int[] order = drawn(all, held, recipe);
    return new Sets(all.subset(rest(order, held)), all.subset(first(order, held)), test);
  }

  /** The pictures in a random order, of which some are held out. */
  private static int[] drawn(Pictures all, int held, TrainingRecipe recipe) {
    if (held >= all.size()) {
      throw new IllegalArgumentException(
          "validation is %d, but there are %d training pictures".formatted(held, all.size()));
    }
    return new SampleRandom(recipe.seed(), HOLD_OUT, HOLD_OUT).permutation(all.size());
  }

  private static int[] first(int[] order, int count) {
    return Arrays.stream(order, 0, count).sorted().toArray();
  }

  private static int[] rest(int[] order, int count) {
    return Arrays.stream(order, count, order.length).sorted().toArray();
  }

  private static Parameters firstWeights(
      TrainingRecipe recipe,
      NetworkConfig config,
      NetworkSpec network,
      @Nullable ModelFile pretrained) {
    Initializer initializer = Initializer.seeded(recipe.seed());
    if (recipe.zeroLastGamma()) {
      initializer = initializer.withZeroLastGamma();
    }
    Map<String, HostTensor> values = new LinkedHashMap<>(initializer.initialize(network).asMap());
    Stages stages = Stages.of(network);
    if (pretrained != null) {
      boolean isBackbone =
          config instanceof SegmentationConfig
              && !(pretrained.config() instanceof SegmentationConfig);
      String prefix = isBackbone ? SegmentationConfig.BACKBONE : "";
      pretrained
          .parameters()
          .asMap()
          .forEach(
              (own, tensor) -> {
                String name = prefix + own;
                if (values.containsKey(name) && !stages.of(name).equals(Stages.HEAD)) {
                  values.put(name, tensor);
                }
              });
    }
    return new Parameters(network, values);
  }

  /**
   * The recipe.
   *
   * @return as given
   */
  public TrainingRecipe recipe() {
    return recipe;
  }

  /**
   * The network's configuration.
   *
   * @return with the data's classes and channels
   */
  public NetworkConfig config() {
    return config;
  }

  /**
   * The network.
   *
   * @return {@code config().build()}
   */
  public NetworkSpec network() {
    return network;
  }

  /**
   * The first weights.
   *
   * @return of {@link #network}; not to be changed
   */
  public Parameters initial() {
    return initial;
  }

  /**
   * What is done to pictures.
   *
   * @return of the network's size
   */
  public Preprocessing preprocessing() {
    return preprocessing;
  }

  /**
   * The pictures that are learned from.
   *
   * @return those that are not held out for validation
   */
  public Pictures training() {
    return training;
  }

  /**
   * The pictures that the result is evaluated on.
   *
   * @return as given
   */
  public Pictures test() {
    return test;
  }

  /**
   * What the data's parts are.
   *
   * @return as given, or put together from what was given; null where pixels have classes
   */
  public @Nullable Parts parts() {
    return parts;
  }

  /**
   * Whether the backbone is frozen and sees the same pictures in every epoch, so that its features
   * can be computed once.
   *
   * @return whether {@link FeatureCache} applies
   */
  public boolean canCacheFeatures() {
    List<String> trained = new ArrayList<>(Stages.of(network).names());
    trained.removeAll(recipe.transfer().frozenStages(List.copyOf(trained)));
    return recipe.transfer().cache()
        && !(config instanceof SegmentationConfig)
        && recipe.augment().isNone()
        && trained.equals(List.of(Stages.HEAD));
  }

  /**
   * What a {@link Trainer} works on.
   *
   * @return the job on pictures, nothing cached
   */
  public TrainingJob job() {
    return job(Communicator.ALONE);
  }

  /**
   * What a {@link Trainer} works on in one of several processes: its part of each batch, and its
   * part of the evaluations' batches.
   *
   * @param processes that train together, at most as many as shards; not owned
   * @return the job on pictures, nothing cached
   */
  public TrainingJob job(Communicator processes) {
    Loader loader =
        Loader.forTraining(training, preprocessing, recipe.batch())
            .part(processes.rank(), processes.size())
            .augmentations(recipe.augment().augmentations(preprocessing))
            .mixing(recipe.augment().mixing(), recipe.labelSmoothing())
            .seed(recipe.seed())
            .threads(loaderThreads)
            .prefetch(loaderThreads + 2)
            .decoding(recipe.decode())
            .build();
    return new TrainingJob(
        recipe,
        network,
        initial,
        frozen,
        new LoaderSource(loader, recipe.batch() / processes.size(), training.size()),
        evaluation(validation, processes),
        preprocessing.cropHeight(),
        preprocessing.cropWidth(),
        training.classes(),
        processes);
  }

  /**
   * The training pictures in their order, without augmentation.
   *
   * @return each once
   */
  BatchSource plainTraining() {
    return evaluation(training);
  }

  /**
   * The pictures of the evaluations during training, each once.
   *
   * @return batches without augmentation
   */
  public BatchSource validationBatches() {
    return evaluation(validation);
  }

  /** Whether the evaluations during training are on the test set. */
  boolean validatesOnTest() {
    return validation.equals(test);
  }

  /**
   * The test pictures.
   *
   * @return each once
   */
  public BatchSource testBatches() {
    return testBatches(Communicator.ALONE);
  }

  /**
   * The test pictures of one of several processes.
   *
   * @param processes that evaluate together; not owned
   * @return whole batches, which follow those of the process before
   */
  public BatchSource testBatches(Communicator processes) {
    return evaluation(test, processes);
  }

  private BatchSource evaluation(Pictures dataset, Communicator processes) {
    if (processes.size() == 1) {
      return evaluation(dataset);
    }
    long batches = (dataset.size() - 1L) / recipe.batch() + 1;
    int begin = (int) (batches * processes.rank() / processes.size());
    int end = (int) (batches * (processes.rank() + 1) / processes.size());
    int[] own =
        IntStream.range(begin * recipe.batch(), Math.min(end * recipe.batch(), dataset.size()))
            .toArray();
    return evaluation(
        dataset instanceof SegmentationDataset maps
            ? maps.subset(own)
            : ((Dataset) dataset).subset(own));
  }

  private BatchSource evaluation(Pictures dataset) {
    return evaluation(dataset, preprocessing, recipe.batch(), loaderThreads, recipe.decode());
  }

  /**
   * Pictures for an {@link Evaluator}.
   *
   * @param dataset whose pictures
   * @param preprocessing of the network's size
   * @param batch pictures per batch
   * @param loaderThreads that decode, at least 1
   * @param decoding of JPEGs
   * @return each picture once
   */
  public static BatchSource evaluation(
      Pictures dataset,
      Preprocessing preprocessing,
      int batch,
      int loaderThreads,
      Decoding decoding) {
    Loader loader =
        Loader.forEvaluation(dataset, preprocessing, batch)
            .threads(loaderThreads)
            .prefetch(loaderThreads + 2)
            .decoding(decoding)
            .build();
    return new LoaderSource(loader, batch, dataset.size());
  }

  /**
   * What the trained file says about itself, so that {@code resfuse classify} and {@code resfuse
   * segment} need nothing else.
   *
   * @param notes for people
   * @return configuration, preprocessing, labels, notes
   */
  public ModelMetadata metadata(Map<String, String> notes) {
    return new ModelMetadata(config, preprocessing.name(), training.classes(), notes);
  }
}
