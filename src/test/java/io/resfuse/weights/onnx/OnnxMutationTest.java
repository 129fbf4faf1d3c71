package io.resfuse.weights.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.TestData;
import io.resfuse.model.ResNet;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.model.ResNetVariant.BlockKind;
import io.resfuse.model.ResNetVariant.StemKind;
import io.resfuse.weights.format.OnnxModel;
import io.resfuse.weights.format.OnnxWriter;
import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.TestOnnx;
import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files with a few bytes changed, cut out, doubled or put elsewhere are read, or refused with one
 * clear line. As many as {@code -Dresfuse.onnx.mutations=10000000} says.
 */
class OnnxMutationTest {
  private static final int MUTATIONS = Integer.getInteger("resfuse.onnx.mutations", 100_000);

  @TempDir Path folder;

  @Test
  void readsOrRefuses() throws IOException {
    List<byte[]> seeds = seeds();
    Path name = Path.of("mutated.onnx");
    SplittableRandom random = new SplittableRandom(20261129);
    int read = 0;
    int matched = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      byte[] bytes = mutate(seeds.get(i % seeds.size()), random);
      try {
        OnnxModel model = TestOnnx.read(name, bytes);
        read++;
        for (StoredTensor tensor : OnnxNetwork.match(model, null).tensors().tensors().values()) {
          if (tensor.shape().elements() < 1 << 16) {
            tensor.load();
          }
        }
        matched++;
      } catch (WeightsException e) {
        String message = e.getMessage();
        if (!message.startsWith("mutated.onnx: ") || message.indexOf('\n') >= 0) {
          throw new AssertionError("no clear line: " + message, e);
        }
      } catch (RuntimeException | Error e) {
        Path found = Files.write(Path.of("target", "onnx-finding-" + i), bytes);
        throw new AssertionError(found + " is neither read nor refused", e);
      }
    }
    System.out.printf(
        "%,d mutations: %,d files could be read, %,d networks matched%n", MUTATIONS, read, matched);
    assertThat(read).isBetween(MUTATIONS / 20, MUTATIONS - 1);
    assertThat(matched).isBetween(MUTATIONS / 100, read - 1);
  }

  /** Small networks with and without folding, and files of PyTorch's exporter. */
  private List<byte[]> seeds() throws IOException {
    List<byte[]> seeds = new ArrayList<>();
    for (boolean fold : new boolean[] {false, true}) {
      for (BlockKind kind : BlockKind.values()) {
        ResNetVariant variant =
            new ResNetVariant(
                "tiny", kind, StemKind.CIFAR, List.of(1, 1), List.of(2, 4), 1, 64, true);
        NetworkSpec network = ResNet.build(ResNetConfig.of(variant).withClasses(2));
        Path file = folder.resolve("seed.onnx");
        OnnxWriter.write(
            file,
            OnnxExport.graph(network, TestData.parameters(network), fold),
            Map.of("license", "MIT"));
        seeds.add(Files.readAllBytes(file));
      }
    }
    seeds.add(Files.readAllBytes(TorchExportsTest.file("half.onnx")));
    seeds.add(Files.readAllBytes(TorchExportsTest.file("cifar-a-opset16.onnx")));
    return seeds;
  }

  private static byte[] mutate(byte[] seed, SplittableRandom random) {
    byte[] bytes = seed.clone();
    int changes = 1 + random.nextInt(4);
    for (int i = 0; i < changes && bytes.length > 8; i++) {
      int at = random.nextInt(bytes.length);
      int length = Math.min(1 + random.nextInt(16), bytes.length - at);
      switch (random.nextInt(6)) {
        case 0 -> bytes[at] ^= (byte) (1 << random.nextInt(8));
        case 1 -> bytes[at] = (byte) random.nextInt();
        case 2 -> bytes[at] = INTERESTING[random.nextInt(INTERESTING.length)];
        case 3 -> bytes = spliced(bytes, at, length, 0, 0);
        case 4 -> bytes = spliced(bytes, at, 0, random.nextInt(bytes.length - length), length);
        default -> {
          int from = random.nextInt(bytes.length - length + 1);
          System.arraycopy(bytes.clone(), from, bytes, at, length);
        }
      }
    }
    return bytes;
  }

  private static final byte[] INTERESTING = {0, 1, 2, 7, 8, 0x0a, 0x12, 0x7f, (byte) 0x80, -1};

  /** Without some bytes, and with others from elsewhere in their place. */
  private static byte[] spliced(byte[] bytes, int at, int without, int from, int with) {
    byte[] result = new byte[bytes.length - without + with];
    System.arraycopy(bytes, 0, result, 0, at);
    System.arraycopy(bytes, from, result, at, with);
    System.arraycopy(bytes, at + without, result, at + with, bytes.length - at - without);
    return result;
  }
}
