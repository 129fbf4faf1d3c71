package io.resfuse.weights;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.TestData;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.model.ResNetVariant.BlockKind;
import io.resfuse.model.ResNetVariant.StemKind;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.InMemory;
import io.resfuse.weights.format.Mutations;
import io.resfuse.weights.format.SafetensorsWriter;
import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.TestWeights;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damaged files of every format but ONNX (which has a test of its own) are read, or refused with a
 * message that names them, and take no more memory than four times their size and what archives are
 * always allowed. As many as {@code -Dresfuse.weights.mutations=10000000} says.
 */
class WeightsMutationTest {
  private static final int MUTATIONS = Integer.getInteger("resfuse.weights.mutations", 10_000);
  private static final int SEED = Integer.getInteger("resfuse.weights.seed", 20261130);

  /** Of compressed archives and chunks, and 16 MiB for what is made of small files. */
  private static final long ALWAYS_ALLOWED = (64L + 16) << 20;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  @TempDir Path folder;

  /** Reads a file's bytes. */
  private interface Reader {
    void read(byte[] bytes) throws IOException;
  }

  /** A file of a format, and how it is read. */
  private static final class Seed {
    private final String format;
    private final byte[] bytes;
    private final Reader reader;

    Seed(String format, byte[] bytes, Reader reader) {
      this.format = format;
      this.bytes = bytes;
      this.reader = reader;
    }
  }

  /** What was seen of a format. */
  private static final class Seen {
    private long read;
    private long refused;
    private long mostMemory;
    private long slowest;
  }

  @Test
  void areReadOrRefused() throws IOException {
    List<Seed> seeds = seeds();
    for (Seed seed : seeds) {
      seed.reader.read(seed.bytes);
    }
    SplittableRandom random = new SplittableRandom(SEED);
    Map<String, Seen> seen = new TreeMap<>();
    for (int i = 0; i < MUTATIONS; i++) {
      Seed seed = seeds.get(i % seeds.size());
      byte[] bytes = Mutations.mutate(seed.bytes, random);
      Seen format = seen.computeIfAbsent(seed.format, key -> new Seen());
      long memory = THREADS.getCurrentThreadAllocatedBytes();
      long begin = System.nanoTime();
      try {
        seed.reader.read(bytes);
        format.read++;
      } catch (WeightsException e) {
        format.refused++;
        if (!e.getMessage().contains(": ") || !e.getMessage().startsWith(name(e).toString())) {
          throw new AssertionError("no clear line: " + e.getMessage(), e);
        }
      } catch (RuntimeException | Error e) {
        Path found = Files.write(Path.of("target", "weights-finding-" + i), bytes);
        throw new AssertionError(found + ", " + seed.format + ", is neither read nor refused", e);
      }
      format.slowest = Math.max(format.slowest, System.nanoTime() - begin);
      memory = THREADS.getCurrentThreadAllocatedBytes() - memory;
      format.mostMemory = Math.max(format.mostMemory, memory);
      if (memory > 4L * bytes.length + ALWAYS_ALLOWED) {
        Path found = Files.write(Path.of("target", "weights-finding-" + i), bytes);
        throw new AssertionError(
            found + ", " + seed.format + " of " + bytes.length + " bytes, took " + memory);
      }
    }
    seen.forEach(
        (format, counts) ->
            System.out.printf(
                "%-20s %,10d read %,10d refused, at most %6.1f MiB and %5d ms%n",
                format,
                counts.read,
                counts.refused,
                counts.mostMemory / 1048576.0,
                counts.slowest / 1_000_000));
    assertThat(seen.values()).allSatisfy(counts -> assertThat(counts.refused).isPositive());
    assertThat(seen.values()).anySatisfy(counts -> assertThat(counts.read).isPositive());
  }

  private Path name(WeightsException e) {
    return e.getMessage().startsWith("mutated") ? Path.of("mutated") : folder;
  }

  private List<Seed> seeds() throws IOException {
    List<Seed> seeds = new ArrayList<>();
    ResNetVariant tiny =
        new ResNetVariant(
            "tiny", BlockKind.BASIC, StemKind.CIFAR, List.of(1, 1), List.of(2, 4), 1, 64, true);
    ResNetConfig config = ResNetConfig.of(tiny).withClasses(2);
    NetworkSpec network = config.build();
    Path own = folder.resolve("own");
    ModelFile.save(
        own,
        new ModelMetadata(config, "cifar", List.of("cat", "dog"), Map.of("license", "MIT")),
        TestData.parameters(network));
    seeds.add(new Seed("safetensors", Files.readAllBytes(own), this::inMemory));
    for (String name : List.of("checkpoint.pth", "views.pth", "types.pth")) {
      seeds.add(new Seed("PyTorch", Files.readAllBytes(TestWeights.file(name)), this::inMemory));
    }
    for (String name : List.of("legacy.pth", "views-legacy.pth")) {
      seeds.add(
          new Seed(
              "PyTorch before 1.6", Files.readAllBytes(TestWeights.file(name)), this::inMemory));
    }
    for (String name : List.of("save.h5", "chunked.h5", "shuffled.h5")) {
      seeds.add(new Seed("Keras HDF5", Files.readAllBytes(TestWeights.file(name)), this::inMemory));
    }
    try (InputStream in = Files.newInputStream(TestWeights.file("keras3.zip"));
        ZipInputStream zip = new ZipInputStream(in)) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        if (List.of("small.weights.h5", "unnamed.keras").contains(entry.getName())) {
          seeds.add(new Seed("Keras 3", zip.readAllBytes(), this::inMemory));
        }
      }
    }
    SafetensorsWriter.write(
        folder.resolve("shard"), Map.of("a", HostTensor.of(Shape.of(2), 1, 2)), Map.of());
    text(seeds, "index.json", "{\"metadata\":{},\"weight_map\":{\"a\":\"shard\"}}", this::index);
    Files.write(folder.resolve("shard1"), new byte[18]);
    text(
        seeds,
        "model.json",
        """
        {"format":"layers-model","modelTopology":{"model_config":{"config":{"layers":[
        {"class_name":"BatchNormalization","config":{"name":"bn_conv1","epsilon":0.001}}]}}},
        "weightsManifest":[{"paths":["shard1"],"weights":[
        {"name":"conv1/kernel","shape":[1,1,2,2],"dtype":"float32"},
        {"name":"conv1/bias","shape":[2],"dtype":"uint8",
        "quantization":{"min":-1,"scale":0.1,"dtype":"uint8","original_dtype":"float32"}}]}]}
        """,
        this::modelJson);
    text(
        seeds,
        "config.json",
        """
        {"model_type":"resnet","downsample_in_bottleneck":true,"hidden_act":"relu",
        "id2label":{"0":"cat","1":"dog"}}
        """,
        bytes -> beside("config.json", bytes));
    text(
        seeds,
        "config.json",
        """
        {"architecture":"resnet50","num_classes":2,"pretrained_cfg":{"input_size":[3,224,224],
        "crop_pct":0.95,"interpolation":"bicubic","mean":[0.485,0.456,0.406],
        "std":[0.229,0.224,0.225]}}
        """,
        bytes -> beside("config.json", bytes));
    return seeds;
  }

  private static void text(List<Seed> seeds, String format, String json, Reader reader) {
    seeds.add(new Seed(format, json.getBytes(StandardCharsets.UTF_8), reader));
  }

  private void inMemory(byte[] bytes) {
    use(InMemory.open(Path.of("mutated"), bytes));
  }

  private void index(byte[] bytes) throws IOException {
    use(TensorFile.open(Files.write(folder.resolve("x.index.json"), bytes)));
  }

  private void modelJson(byte[] bytes) throws IOException {
    use(TensorFile.open(Files.write(folder.resolve("model.json"), bytes)));
  }

  private void beside(String name, byte[] bytes) throws IOException {
    Path file = Files.createDirectories(folder.resolve("beside")).resolve("weights");
    Files.write(file.resolveSibling(name), bytes);
    ModelFolder found = ModelFolder.beside(file, new ArrayList<>());
    if (found != null) {
      found.apply(ResNetConfig.of("resnet50"));
      found.labels(2);
      found.preset(3);
    }
  }

  private static void use(TensorFile file) {
    for (StoredTensor tensor : file.tensors().values()) {
      if (tensor.shape().elements() < 1 << 16) {
        tensor.load();
      }
    }
    try {
      ModelFile.open(file);
    } catch (WeightsException e) {
      // Most are not the weights of a ResNet.
      assertThat(e.getMessage()).startsWith(file.path().toString());
    }
  }
}
