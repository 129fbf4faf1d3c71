package io.resfuse.weights.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.RandomPictures;
import io.resfuse.engine.TestData;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.model.ResNetVariant.BlockKind;
import io.resfuse.model.ResNetVariant.StemKind;
import io.resfuse.quantize.QuantizationOptions;
import io.resfuse.quantize.Quantizer;
import io.resfuse.weights.format.Mutations;
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
    int quantized = 0;
    for (int i = 0; i < MUTATIONS; i++) {
      byte[] bytes = Mutations.mutate(seeds.get(i % seeds.size()), random);
      try {
        OnnxModel model = TestOnnx.read(name, bytes);
        read++;
        OnnxNetwork network = OnnxNetwork.match(model, null);
        if (network.quantization() != null) {
          quantized++;
        }
        for (StoredTensor tensor : network.tensors().tensors().values()) {
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
        "%,d mutations: %,d files could be read, %,d networks matched, %,d in int8 came that far%n",
        MUTATIONS, read, matched, quantized);
    assertThat(read).isBetween(MUTATIONS / 20, MUTATIONS - 1);
    assertThat(matched).isBetween(MUTATIONS / 100, read - 1);
    assertThat(quantized).isBetween(MUTATIONS / 1000, matched);
  }

  /** Small networks with and without folding, quantised, and files of others. */
  private List<byte[]> seeds() throws IOException {
    List<byte[]> seeds = new ArrayList<>();
    for (boolean fold : new boolean[] {false, true}) {
      for (BlockKind kind : BlockKind.values()) {
        ResNetVariant variant =
            new ResNetVariant(
                "tiny", kind, StemKind.CIFAR, List.of(1, 1), List.of(2, 4), 1, 64, true);
        NetworkSpec network = ResNetConfig.of(variant).withClasses(2).build();
        Path file = folder.resolve("seed.onnx");
        OnnxWriter.write(
            file,
            OnnxExport.graph(network, TestData.parameters(network), fold),
            Map.of("license", "MIT"));
        seeds.add(Files.readAllBytes(file));
        if (fold) {
          OnnxWriter.write(file, OnnxExport.graph(network, quantized(network), true), Map.of());
          seeds.add(Files.readAllBytes(file));
        }
      }
    }
    seeds.add(Files.readAllBytes(TorchExportsTest.file("qdq-s8s8.onnx")));
    seeds.add(Files.readAllBytes(TorchExportsTest.file("half.onnx")));
    seeds.add(Files.readAllBytes(TorchExportsTest.file("cifar-a-opset16.onnx")));
    return seeds;
  }

  private static Parameters quantized(NetworkSpec network) {
    Parameters parameters = TestData.parameters(network);
    try (Engine engine = Engines.open("reference", new EngineOptions(1, ""))) {
      return parameters.withQuantization(
          new Quantizer(engine, 1)
              .quantize(
                  network,
                  parameters,
                  new RandomPictures(network, 2, 8, 8),
                  QuantizationOptions.DEFAULTS));
    }
  }
}
