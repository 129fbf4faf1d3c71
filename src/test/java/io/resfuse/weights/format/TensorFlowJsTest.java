package io.resfuse.weights.format;

import static io.resfuse.weights.format.TestWeights.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** TensorFlow.js models in folders and archives. */
class TensorFlowJsTest {
  /** Two float32 tensors, of which the first spans two shards, and quantised ones. */
  private static final String MODEL =
      """
      {"modelTopology": {"model_config": {"class_name": "Model", "config": {"layers": [
         {"class_name": "BatchNormalization", "config": {"name": "bn", "epsilon": 0.25}}]}}},
       "weightsManifest": [
         {"paths": ["shard1", "shard2"], "weights": [
           {"name": "a/kernel", "shape": [3], "dtype": "float32"},
           {"name": "b/bias", "shape": [], "dtype": "float32"},
           {"name": "i", "shape": [1], "dtype": "int32"}]},
         {"paths": ["shard3"], "weights": [
           {"name": "q8", "shape": [2], "dtype": "float32",
            "quantization": {"dtype": "uint8", "scale": 0.5, "min": -1}},
           {"name": "q16", "shape": [1], "dtype": "float32",
            "quantization": {"dtype": "uint16", "scale": 0.25, "min": 1}},
           {"name": "h", "shape": [1], "dtype": "float32",
            "quantization": {"dtype": "float16"}},
           {"name": "t", "shape": [2], "dtype": "bool"}]}]}
      """;

  @TempDir Path folder;

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static Map<String, byte[]> model() {
    ByteBuffer group = ByteBuffer.allocate(20).order(ByteOrder.LITTLE_ENDIAN);
    group.putFloat(1).putFloat(2).putFloat(3).putFloat(4).putInt(-5);
    byte[] all = group.array();
    return Map.of(
        "model.json", bytes(MODEL),
        "shard1", Arrays.copyOfRange(all, 0, 7),
        "shard2", Arrays.copyOfRange(all, 7, 20),
        "shard3", new byte[] {0, (byte) 255, 0, (byte) 128, 0, (byte) 0xbe, 1, 0});
  }

  private Path write(Map<String, byte[]> files) throws IOException {
    Path model = Files.createDirectories(folder.resolve("model"));
    for (Map.Entry<String, byte[]> file : files.entrySet()) {
      Files.write(model.resolve(file.getKey()), file.getValue());
    }
    return model;
  }

  private static void add(TarArchiveOutputStream tar, String name, byte[] contents)
      throws IOException {
    TarArchiveEntry entry = new TarArchiveEntry(name, true);
    entry.setSize(contents.length);
    tar.putArchiveEntry(entry);
    tar.write(contents);
    tar.closeArchiveEntry();
  }

  private TarArchiveOutputStream tar(Path file) throws IOException {
    return new TarArchiveOutputStream(new GZIPOutputStream(Files.newOutputStream(file)));
  }

  private Path archive(String prefix, Map<String, byte[]> files) throws IOException {
    Path file = folder.resolve("model.tgz");
    try (TarArchiveOutputStream tar = tar(file)) {
      for (Map.Entry<String, byte[]> entry : files.entrySet()) {
        add(tar, prefix + entry.getKey(), entry.getValue());
      }
    }
    return file;
  }

  private static void assertIsTheModel(TensorFile opened) {
    assertThat(opened.format()).isEqualTo(WeightFormat.TENSORFLOW_JS);
    assertThat(opened.metadata()).isEqualTo(Map.of(KerasTopology.EPSILON, "0.25"));
    assertThat(opened.load("a/kernel").toArray()).containsExactly(1, 2, 3);
    assertThat(opened.load("b/bias").shape()).isEqualTo(Shape.of());
    assertThat(opened.load("b/bias").get(0)).isEqualTo(4);
    assertThat(opened.load("i").get(0)).isEqualTo(-5);
    assertThat(opened.load("q8").toArray()).containsExactly(-1, 126.5f);
    assertThat(opened.load("q16").toArray()).containsExactly(0x8000 * 0.25f + 1);
    assertThat(opened.load("h").toArray()).containsExactly(-1.5f);
    assertThat(opened.tensors().get("h").type()).isEqualTo(DataType.FLOAT16);
    assertThat(opened.load("t").toArray()).containsExactly(1, 0);
  }

  @Test
  void readsFoldersAndArchives() throws IOException {
    Path model = write(model());
    assertIsTheModel(TensorFile.open(model));
    assertIsTheModel(TensorFile.open(model.resolve("model.json")));
    assertIsTheModel(TensorFile.open(archive("package/net/", model())));
    assertIsTheModel(TensorFile.open(archive("", model())));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"shard3\" | \"../shard3\" | not beside its model.json",
        "\"shard3\" | \"/etc/passwd\" | not beside its model.json",
        "\"shard3\" | \"x/../../y\" | not beside its model.json",
        "\"shard3\" | \"C:shard3\" | not beside its model.json",
        "\"shard3\" | 7 | not beside its model.json",
        "\"shard3\" | \"none\" | no such file",
        "[3] | [4] | should have",
        "[3] | [2] | its tensors have 16 bytes, but its 2 shards have 20",
        "[3] | [-3] | dimensions [-3]",
        "[3] | [4000000000,4000000000] | dimensions",
        "[3] | 3 | has no shape",
        "\"bool\" | \"string\" | element type string",
        "uint16 | uint32 | is quantised as",
        "b/bias | a/kernel | two weights are named 'a/kernel'",
        "weightsManifest | other | has no weightsManifest",
        "\"paths\" | \"x\" | needs paths and weights",
        "{\"modelTopology\" | { modelTopology | not valid JSON",
      })
  void refusesDamagedModels(String from, String to, String part) throws IOException {
    write(model());
    String damaged = MODEL.replace(from, to);
    Path json = Files.writeString(folder.resolve("model/model.json"), damaged);
    String expected = part.equals("should have") ? "weight 'i'" : part;
    org.assertj.core.api.Assertions.assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> TensorFile.open(json))
        .withMessageContaining(expected)
        .withMessageStartingWith(folder.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"../evil", "/evil", "package/../../evil", "a\\b"})
  void refusesNamesOutsideOfTheArchive(String name) throws IOException {
    Path file = folder.resolve("model.tgz");
    try (TarArchiveOutputStream tar = tar(file)) {
      add(tar, "model.json", bytes(MODEL));
      TarArchiveEntry entry = new TarArchiveEntry(name, true);
      entry.setName(name);
      entry.setSize(1);
      tar.putArchiveEntry(entry);
      tar.write(1);
      tar.closeArchiveEntry();
    }
    assertRefused(file, "would lie outside of it");
    assertThat(TestWeights.filesIn(folder)).containsExactly("model.tgz");
  }

  @Test
  void refusesBombsAndTruncation() throws IOException {
    Path bomb = folder.resolve("bomb.tgz");
    byte[] zeros = new byte[1 << 20];
    try (TarArchiveOutputStream tar = tar(bomb)) {
      TarArchiveEntry entry = new TarArchiveEntry("x", true);
      entry.setSize(80L << 20);
      tar.putArchiveEntry(entry);
      for (int i = 0; i < 80; i++) {
        tar.write(zeros);
      }
      tar.closeArchiveEntry();
    }
    assertRefused(bomb, "unpacked it would exceed 67108864 bytes");
    byte[] whole = Files.readAllBytes(archive("p/", model()));
    for (int length = 2; length < whole.length - 8; length += 13) {
      assertRefused(Files.write(folder.resolve("cut"), Arrays.copyOf(whole, length)));
    }
  }

  @Test
  void refusesEntriesThatAreNoPlainFiles() throws IOException {
    Path file = folder.resolve("links.tgz");
    try (TarArchiveOutputStream tar = tar(file)) {
      TarArchiveEntry link = new TarArchiveEntry("model.json", TarConstants.LF_SYMLINK);
      link.setLinkName("/etc/passwd");
      tar.putArchiveEntry(link);
      tar.closeArchiveEntry();
    }
    assertRefused(file, "it has no model.json");
    assertRefused(
        archive("", Map.of("a/model.json", bytes(MODEL), "b/model.json", bytes(MODEL))),
        "2 of them");
  }
}
