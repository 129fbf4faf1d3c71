package io.resfuse.weights.format;

import static io.resfuse.weights.format.TestWeights.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The format itself: what is written, what is read, and what is refused. */
class SafetensorsTest {
  @TempDir Path folder;

  /** A file from its header and data, as another writer would make it. */
  private Path file(String header, byte... data) throws IOException {
    return file(header.getBytes(StandardCharsets.UTF_8).length, header, data);
  }

  private Path file(long headerLength, String header, byte... data) throws IOException {
    byte[] text = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + text.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(headerLength).put(text).put(data);
    return Files.write(folder.resolve("weights"), bytes.array());
  }

  private static byte[] littleEndian(float... values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  @Test
  void readsAHandMadeFile() throws IOException {
    Path file =
        file(
            "{\"__metadata__\":{\"who\":\"me\"},"
                + "\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[8,12]},"
                + "\"a\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]}}   ",
            littleEndian(1.5f, -2, 3));
    TensorFile opened = TensorFile.open(file);
    assertThat(opened.format()).isEqualTo(WeightFormat.SAFETENSORS);
    assertThat(opened.metadata()).containsExactly(Map.entry("who", "me"));
    assertThat(opened.tensors().keySet()).containsExactly("a", "b");
    assertThat(opened.load("a").shape()).isEqualTo(Shape.of(2, 1));
    assertThat(opened.load("a").toArray()).containsExactly(1.5f, -2);
    assertThat(opened.load("b").shape()).isEqualTo(Shape.of());
    assertThat(opened.load("b").get(0)).isEqualTo(3);
  }

  @ParameterizedTest
  @CsvSource({
    "F64, FLOAT64, 000000000000f8bf, -1.5",
    "F16, FLOAT16, 00be, -1.5",
    "F16, FLOAT16, 0100, 5.9604645E-8",
    "F16, FLOAT16, ff83, -6.097555E-5",
    "F16, FLOAT16, ff7b, 65504",
    "F16, FLOAT16, 007c, Infinity",
    "F16, FLOAT16, 00fc, -Infinity",
    "F16, FLOAT16, 017e, NaN",
    "F16, FLOAT16, 0080, -0.0",
    "BF16, BFLOAT16, c0bf, -1.5",
    "I64, INT64, feffffffffffffff, -2",
    "I32, INT32, feffffff, -2",
    "I16, INT16, feff, -2",
    "I8, INT8, fe, -2",
    "U8, UINT8, fe, 254",
    "BOOL, BOOL, 01, 1"
  })
  void convertsEveryElementType(String dtype, DataType type, String hex, float value)
      throws IOException {
    byte[] data = java.util.HexFormat.of().parseHex(hex);
    Path file =
        file(
            "{\"x\":{\"dtype\":\"%s\",\"shape\":[1],\"data_offsets\":[0,%d]}}"
                .formatted(dtype, data.length),
            data);
    StoredTensor x = TensorFile.open(file).tensors().get("x");
    assertThat(x.type()).isEqualTo(type);
    assertThat(x.load().toArray()).isEqualTo(new float[] {value});
  }

  @Test
  void writesWhatItReads() throws IOException {
    Path file = folder.resolve("out.safetensors");
    Map<String, HostTensor> tensors = new LinkedHashMap<>();
    tensors.put("z", HostTensor.of(Shape.of(2, 3), 1, 2, 3, 4, 5, 6));
    tensors.put("empty", HostTensor.zeros(Shape.of(0)));
    tensors.put("ä\"\\", HostTensor.of(Shape.of(), -0.0f));
    HostTensor large = HostTensor.zeros(Shape.of(300_001));
    large.set(300_000, 7);
    tensors.put("large", large);
    SafetensorsWriter.write(file, tensors, Map.of("k", "v\n", "a", "b"));
    TensorFile opened = TensorFile.open(file);
    assertThat(opened.metadata()).containsExactly(Map.entry("a", "b"), Map.entry("k", "v\n"));
    assertThat(opened.tensors().keySet()).containsExactlyElementsOf(tensors.keySet());
    tensors.forEach(
        (name, tensor) -> {
          assertThat(opened.load(name).shape()).isEqualTo(tensor.shape());
          assertThat(opened.load(name).toArray()).isEqualTo(tensor.toArray());
        });
    byte[] bytes = Files.readAllBytes(file);
    long header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    assertThat((8 + header) % 8).as("alignment of the data").isZero();
    SafetensorsWriter.write(file, tensors, Map.of("a", "b", "k", "v\n"));
    assertThat(Files.readAllBytes(file)).as("the same bytes again").isEqualTo(bytes);
    assertThat(TestWeights.filesIn(folder)).containsExactly("out.safetensors");
  }

  @Test
  void mapsFloat32AndDoesNotCopyIt() throws IOException {
    Path file = folder.resolve("mapped");
    SafetensorsWriter.write(file, Map.of("x", HostTensor.of(Shape.of(4), 1, 2, 3, 4)), Map.of());
    HostTensor x = TensorFile.open(file).load("x");
    assertThat(x.buffer().isDirect()).isTrue();
    assertThat(x.buffer().isReadOnly()).isTrue();
  }

  @Test
  void readsMisalignedTensors() throws IOException {
    byte[] data = new byte[5];
    data[0] = 1;
    System.arraycopy(littleEndian(2.5f), 0, data, 1, 4);
    Path file =
        file(
            "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                + "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}",
            data);
    assertThat(TensorFile.open(file).load("b").get(0)).isEqualTo(2.5f);
  }

  @ParameterizedTest
  @ValueSource(longs = {1L << 62, -1, Long.MIN_VALUE, Long.MAX_VALUE, 3, 100_000_000, 1})
  void refusesWrongHeaderLengths(long length) throws IOException {
    assertRefused(file(length, "{}"), "header should have " + Long.toUnsignedString(length));
  }

  @Test
  void refusesHeadersBeyondTheFormatsLimit() throws IOException {
    Path file = folder.resolve("huge");
    byte[] bytes = new byte[100_000_020];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(100_000_001L).put((byte) '{');
    Files.write(file, bytes);
    assertRefused(file, "the format allows 100000000");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}} | needs 4 bytes",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}} | data_offsets [4, 12]",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}} | data_offsets [8, 0]",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}} | -8",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,99999999999999999999]}} | 1.0E20",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-2],\"data_offsets\":[0,8]}} | -2",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]}} | 1.0",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}} | "
            + "dimensions [4294967296, 4294967296]",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[65536,65536],\"data_offsets\":[0,8]}} | dimensions",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}} | 8 bytes follow",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}} | hole after the header",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
            + "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}} | 'b' overlaps 'a'",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
            + "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} | uplicate",
        "{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[8],\"data_offsets\":[0,8]}} | F8_E4M3",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}} | exactly dtype, shape and data_offsets",
        "{\"a\":7} | exactly dtype",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}} | no list as its shape",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}} | data_offsets [0]",
        "{\"__metadata__\":{\"a\":1}} | metadata 'a' is not a string",
        "{\"__metadata__\":[]} | not a JSON object",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}} x | not valid JSON",
        "{\"a\" | not valid JSON",
        "{ | header should have 1",
      })
  void refusesContradictions(String header, String part) throws IOException {
    assertRefused(file(header, littleEndian(1, 2)), part);
  }

  @Test
  void refusesDeepNesting() throws IOException {
    assertRefused(file("{\"a\":" + "[".repeat(100_000)), "not valid JSON");
  }

  @Test
  void refusesEveryTruncation() throws IOException {
    Path whole = folder.resolve("whole");
    SafetensorsWriter.write(
        whole, Map.of("x", HostTensor.of(Shape.of(4), 1, 2, 3, 4)), Map.of("k", "v"));
    byte[] bytes = Files.readAllBytes(whole);
    for (int length = 0; length < bytes.length; length++) {
      Path cut = Files.write(folder.resolve("cut"), Arrays.copyOf(bytes, length));
      assertRefused(cut);
    }
    Path longer = Files.write(folder.resolve("cut"), Arrays.copyOf(bytes, bytes.length + 1));
    assertRefused(longer, "bytes follow the header");
  }

  @ParameterizedTest
  @CsvSource({
    "hello world, no known format (it begins with 68 65 6c 6c 6f",
    "'<!DOCTYPE html><html>', a web page",
    "'version https://git-lfs.github.com/spec/v1', Git LFS",
    "'', the file is empty"
  })
  void saysWhatOtherFilesAre(String contents, String part) throws IOException {
    assertRefused(Files.writeString(folder.resolve("text.pth"), contents), part);
  }

  @Test
  void saysWhatIsNotThere() {
    assertRefused(folder.resolve("none"), "there is no such file");
    assertRefused(folder, "a folder without a model.json");
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> SafetensorsWriter.write(folder.resolve("no/such/x"), Map.of(), Map.of()))
        .withMessageContaining("folder does not exist");
  }

  @Test
  void leavesTheOldFileWhereTheDiskIsFull() throws IOException {
    Path target = Files.writeString(folder.resolve("model"), "old");
    byte[] half = new byte[100];
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(
            () ->
                AtomicFile.write(
                    target,
                    channel -> {
                      FullDisk disk = new FullDisk(channel, 150);
                      disk.write(ByteBuffer.wrap(half));
                      disk.write(ByteBuffer.wrap(half));
                    }))
        .withMessageContaining("disk is full, nothing was left behind; free some space");
    assertThat(Files.readString(target)).isEqualTo("old");
    assertThat(TestWeights.filesIn(folder)).containsExactly("model");
  }
}
