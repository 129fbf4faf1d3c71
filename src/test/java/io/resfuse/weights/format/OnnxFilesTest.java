package io.resfuse.weights.format;

import static io.resfuse.weights.format.TestWeights.assertHolds;
import static io.resfuse.weights.format.TestWeights.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** ONNX's messages: every coding of tensors, external data, and what is wrong with either. */
class OnnxFilesTest {
  private static final int COUNT = 6;

  @TempDir Path temporary;
  private Path folder;

  @BeforeEach
  void withoutLinks() throws IOException {
    folder = Files.createDirectory(temporary.toRealPath().resolve("models"));
  }

  private Path write(Consumer<ProtoWriter> graph) {
    byte[] bytes =
        new ProtoWriter()
            .varint(1, 8)
            .string(2, "test")
            .message(7, graph)
            .message(8, opset -> opset.varint(2, 17))
            .toBytes();
    return write(bytes);
  }

  private Path write(byte[] bytes) {
    Path file = folder.resolve("model.onnx");
    AtomicFile.write(file, bytes);
    return file;
  }

  /** A file with one tensor x of 2x3 elements. */
  private Path tensor(int type, Consumer<ProtoWriter> data) {
    return write(
        graph ->
            graph.message(
                5,
                tensor -> {
                  tensor.varint(1, 2).varint(1, 3).varint(2, type).string(8, "x");
                  data.accept(tensor);
                }));
  }

  private static byte[] bytes(int size, Consumer<ByteBuffer> elements) {
    ByteBuffer buffer = ByteBuffer.allocate(COUNT * size).order(ByteOrder.LITTLE_ENDIAN);
    elements.accept(buffer);
    return buffer.array();
  }

  private static byte[] floats() {
    return bytes(
        4,
        buffer -> {
          for (int i = 0; i < COUNT; i++) {
            buffer.putFloat(TestWeights.value(i));
          }
        });
  }

  private static byte[] varints(long... values) {
    ProtoWriter writer = new ProtoWriter();
    for (long value : values) {
      writer.varint(1, value);
    }
    byte[] tagged = writer.toBytes();
    java.io.ByteArrayOutputStream bare = new java.io.ByteArrayOutputStream();
    for (int at = 0; at < tagged.length; ) {
      at++;
      do {
        bare.write(tagged[at]);
      } while (tagged[at++] < 0);
    }
    return bare.toByteArray();
  }

  /** Of -3, -2.75, ..., -1.75 as float16; the fractions fit. */
  private static final long[] HALFS = {0xc200, 0xc180, 0xc100, 0xc080, 0xc000, 0xbf00};

  private static final long[] BFLOATS = {0xc040, 0xc030, 0xc020, 0xc010, 0xc000, 0xbfe0};

  private void assertReads(Path file, DataType type) {
    TensorFile opened = TensorFile.open(file);
    assertThat(opened.format()).isEqualTo(WeightFormat.ONNX);
    StoredTensor tensor = opened.tensors().get("x");
    assertThat(tensor.type()).isEqualTo(type);
    assertThat(tensor.shape()).isEqualTo(Shape.of(2, 3));
    assertHolds(tensor.load());
  }

  @Test
  void readsEveryCoding() {
    assertReads(tensor(1, t -> t.bytes(9, floats())), DataType.FLOAT32);
    assertReads(tensor(1, t -> t.bytes(4, floats())), DataType.FLOAT32);
    assertReads(
        tensor(
            1,
            t -> {
              for (int i = 0; i < COUNT; i++) {
                t.fixed32(4, TestWeights.value(i));
              }
            }),
        DataType.FLOAT32);
    byte[] doubles =
        bytes(
            8,
            buffer -> {
              for (int i = 0; i < COUNT; i++) {
                buffer.putDouble(TestWeights.value(i));
              }
            });
    assertReads(tensor(11, t -> t.bytes(10, doubles)), DataType.FLOAT64);
    assertReads(tensor(11, t -> t.bytes(9, doubles)), DataType.FLOAT64);
    assertReads(tensor(10, t -> t.bytes(5, varints(HALFS))), DataType.FLOAT16);
    assertReads(tensor(10, t -> t.bytes(9, shorts(HALFS))), DataType.FLOAT16);
    assertReads(tensor(16, t -> t.bytes(5, varints(BFLOATS))), DataType.BFLOAT16);
    assertReads(tensor(16, t -> t.bytes(9, shorts(BFLOATS))), DataType.BFLOAT16);
  }

  private static byte[] shorts(long... values) {
    return bytes(
        2,
        buffer -> {
          for (long value : values) {
            buffer.putShort((short) value);
          }
        });
  }

  @Test
  void readsIntegersExactly() {
    long large = Long.MAX_VALUE - 1;
    Path file = tensor(7, t -> t.bytes(7, varints(1, -1, large, 0, 5, Long.MIN_VALUE)));
    OnnxTensor tensor = OnnxModel.open(file).initializers().get("x");
    assertThat(tensor.integers()).containsExactly(1, -1, large, 0, 5, Long.MIN_VALUE);
  }

  @Test
  void refusesTooFewAndTooManyElements() {
    for (int size : new int[] {0, 4, 5 * 4, 7 * 4}) {
      Path file = tensor(1, t -> t.bytes(9, new byte[size]));
      assertThatExceptionOfType(WeightsException.class)
          .isThrownBy(() -> TensorFile.open(file).load("x"))
          .withMessageContaining("tensor 'x' of FLOAT32 2x3 has " + size + " bytes for elements");
    }
    for (int count : new int[] {0, 5, 7}) {
      Path file = tensor(7, t -> t.bytes(7, varints(new long[count])));
      assertThatExceptionOfType(WeightsException.class)
          .isThrownBy(() -> TensorFile.open(file).load("x"))
          .withMessageContaining("tensor 'x' of INT64 2x3 has");
    }
  }

  @Test
  void refusesOtherTypesAndShapes() {
    assertRefused(tensor(14, t -> t.bytes(9, new byte[48])), "tensor 'x'", "element type 14");
    assertRefused(tensor(8, t -> t.string(6, "a")), "tensor 'x'", "element type 8");
    assertRefused(
        write(g -> g.message(5, t -> t.varint(1, -1).varint(2, 1).string(8, "x"))),
        "tensor 'x' has the dimensions [-1]");
    assertRefused(
        write(g -> g.message(5, t -> t.varint(1, 1 << 30).varint(1, 1 << 30).varint(2, 1))),
        "dimensions [1073741824, 1073741824]");
    assertRefused(write(g -> g.message(15, t -> t.varint(1, 1))), "sparse");
    assertRefused(
        write(
            g -> {
              g.message(5, t -> t.varint(2, 1).string(8, "x"));
              g.message(5, t -> t.varint(2, 1).string(8, "x"));
            }),
        "two initializers are named 'x'");
  }

  /** All cuts of a file, and what belongs to nothing. */
  @Test
  void refusesWhatIsCut() throws IOException {
    byte[] whole = Files.readAllBytes(tensor(1, t -> t.bytes(9, floats())));
    for (int length = 3; length < whole.length; length++) {
      Path file = write(java.util.Arrays.copyOf(whole, length));
      assertThatExceptionOfType(WeightsException.class)
          .as("%s bytes", length)
          .isThrownBy(() -> TensorFile.open(file))
          .withMessageStartingWith(file.toString());
    }
    assertRefused(write(new byte[] {8, 8, 0x12, 1, (byte) 0xff, 0x3b}), "not UTF-8");
    assertRefused(write(new byte[] {8, 8, 0x12, 0, 0x3b}), "wire type 3");
    assertRefused(write(new byte[] {8, 8, 0x12, 0, 0x38, 1}), "field 7 of wire type 0");
    byte[] endless = new byte[14];
    java.util.Arrays.fill(endless, (byte) 0xff);
    System.arraycopy(new byte[] {8, 8, 0x3a}, 0, endless, 0, 3);
    assertRefused(write(endless), "more than ten bytes");
    assertRefused(write(new byte[] {8, 8, 0x12, 0}), "no graph");
    assertRefused(
        write(new ProtoWriter().varint(1, 8).string(2, "").message(7, g -> {}).toBytes()),
        "which version of ONNX's operators");
  }

  /** Other protocol buffers with a version and then a message, as TensorFlow and Core ML have. */
  @Test
  void knowsWhatOnlyLooksLikeIt() {
    byte[] operators =
        new ProtoWriter()
            .varint(1, 1)
            .message(
                2, graph -> graph.message(1, meta -> meta.message(2, ops -> ops.string(1, ""))))
            .toBytes();
    assertRefused(write(operators), "it is a TensorFlow SavedModel", "give the weights that it");
    byte[] feature =
        new ProtoWriter()
            .varint(1, 4)
            .message(2, description -> description.message(1, input -> input.string(1, "image")))
            .toBytes();
    assertRefused(write(feature), "it is a Core ML model", "give the weights that it");
  }

  /** Empty nodes take two bytes each, and some 300 in memory. */
  @Test
  void boundsMemory() {
    Path file =
        write(
            graph -> {
              for (int i = 0; i < 100_000; i++) {
                graph.bytes(1, new byte[0]);
              }
            });
    assertRefused(file, "more than four times the memory");
  }

  private Path external(Map<String, String> entries) {
    return tensor(
        1,
        t -> {
          entries.forEach((key, text) -> t.message(13, e -> e.string(1, key).string(2, text)));
          t.varint(14, 1);
        });
  }

  @Test
  void readsExternalData() throws IOException {
    Files.createDirectory(folder.resolve("below"));
    Files.write(folder.resolve("below/x.data"), concat(new byte[8], floats()));
    assertReads(
        external(Map.of("location", "below/x.data", "offset", "8", "length", "24")),
        DataType.FLOAT32);
    assertReads(
        external(Map.of("location", "below/x.data", "offset", "8", "checksum", "not looked at")),
        DataType.FLOAT32);
  }

  private static byte[] concat(byte[] first, byte[] second) {
    return ByteBuffer.allocate(first.length + second.length).put(first).put(second).array();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/etc/passwd",
        "../x.data",
        "below/../../x.data",
        "..",
        "C:\\x",
        "a\\..\\b",
        "C:x",
        "",
      })
  void refusesLocationsElsewhere(String location) {
    assertRefused(external(Map.of("location", location)), "tensor 'x'", "not beside it");
  }

  @Test
  void refusesLinksAndOtherFiles() throws IOException {
    Path outside = Files.write(temporary.resolve("secret"), floats());
    Files.createSymbolicLink(folder.resolve("link"), outside);
    Files.createSymbolicLink(folder.resolve("way"), temporary.toRealPath());
    Files.createDirectory(folder.resolve("directory"));
    Map<String, String> faults =
        Map.of(
            "link", "is a link or behind one",
            "way/secret", "is a link or behind one",
            "directory", "which is not there",
            "absent", "which is not there");
    faults.forEach(
        (location, fault) -> {
          Path file = external(Map.of("location", location));
          assertThatExceptionOfType(WeightsException.class)
              .isThrownBy(() -> TensorFile.open(file).load("x"))
              .withMessageContaining(fault);
        });
  }

  @Test
  void refusesPlacesOutsideTheFile() throws IOException {
    Files.write(folder.resolve("x.data"), floats());
    for (Map<String, String> entries :
        List.of(
            Map.of("location", "x.data", "offset", "4"),
            Map.of("location", "x.data", "length", "20"),
            Map.of("location", "x.data", "offset", "999999999999999999"))) {
      Path file = external(entries);
      assertThatExceptionOfType(WeightsException.class)
          .isThrownBy(() -> TensorFile.open(file).load("x"));
    }
    assertRefused(external(Map.of("location", "x.data", "offset", "-4")), "the offset '-4'");
    assertRefused(external(Map.of("offset", "4")), "has no location");
  }

  /** Training information and local functions are never looked at, nor what they point to. */
  @Test
  void leavesOutWhatItDoesNotNeed() {
    byte[] bytes =
        new ProtoWriter()
            .varint(1, 8)
            .message(7, graph -> graph.string(2, "g"))
            .message(8, opset -> opset.varint(2, 17))
            .message(
                20,
                training ->
                    training.message(
                        1,
                        graph ->
                            graph.message(
                                5,
                                t ->
                                    t.message(
                                        13, e -> e.string(1, "location").string(2, "/etc/x")))))
            .toBytes();
    assertThat(TensorFile.open(write(bytes)).tensors()).isEmpty();
  }

  @Test
  void writesWeightsBesideAboveTheLimit() throws IOException {
    Path file = folder.resolve("large.onnx");
    HostTensor first = HostTensor.of(Shape.of(2, 3), TestWeights.values(COUNT));
    HostTensor second = HostTensor.of(Shape.of(COUNT), TestWeights.values(COUNT));
    OnnxGraph graph =
        new OnnxGraph(
            "g",
            List.of(),
            List.of(),
            List.of(),
            new java.util.TreeMap<>(Map.of("x", first, "y", second)),
            Map.of());
    TestOnnx.writeExternal(file, graph);
    assertThat(TestWeights.filesIn(folder))
        .containsExactlyInAnyOrder("large.onnx", "large.onnx.data");
    assertThat(Files.size(folder.resolve("large.onnx.data"))).isEqualTo(65536 + 24);
    TensorFile opened = TensorFile.open(file);
    assertHolds(opened.load("x"));
    assertHolds(opened.load("y"));
    OnnxWriter.write(file, graph, Map.of());
    assertThat(Files.size(file)).isLessThan(300);
    assertHolds(TensorFile.open(file).load("y"));
  }
}
