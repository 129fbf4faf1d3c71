package io.resfuse.weights.format;

import static io.resfuse.weights.format.TestWeights.assertHolds;
import static io.resfuse.weights.format.TestWeights.assertRefused;
import static io.resfuse.weights.format.TestWeights.file;
import static io.resfuse.weights.format.TestWeights.value;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.ModelFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that PyTorch 1.13 wrote (make_torch_files.py), and hostile ones made here. */
class TorchFilesTest {
  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource({
    "state_dict.pth, PYTORCH_ZIP",
    "protocol4.pth, PYTORCH_ZIP",
    "legacy.pth, PYTORCH_LEGACY"
  })
  void readsStateDicts(String name, WeightFormat format) {
    TensorFile opened = TensorFile.open(file(name));
    assertThat(opened.format()).isEqualTo(format);
    assertThat(opened.tensors().keySet())
        .containsExactly(
            "conv.weight",
            "conv.bias",
            "bn.weight",
            "bn.bias",
            "bn.running_mean",
            "bn.running_var",
            "bn.num_batches_tracked");
    assertThat(opened.load("conv.weight").shape()).isEqualTo(Shape.of(3, 2, 3, 3));
    assertHolds(opened.load("conv.weight"));
    assertHolds(opened.load("bn.running_var"));
    assertThat(opened.tensors().get("bn.num_batches_tracked").type()).isEqualTo(DataType.INT64);
    assertThat(opened.load("bn.num_batches_tracked").shape()).isEqualTo(Shape.of());
  }

  @Test
  void readsParameters() {
    TensorFile opened = TensorFile.open(file("parameters.pth"));
    assertThat(opened.tensors()).hasSize(4);
    assertHolds(opened.load("bn.bias"));
  }

  @Test
  void readsTheStateDictOfACheckpoint() {
    TensorFile opened = TensorFile.open(file("checkpoint.pth"));
    assertThat(opened.tensors()).hasSize(7).containsKey("module.conv.weight");
    assertHolds(opened.load("module.conv.weight"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"args.pth", "args-protocol4.pth", "args-legacy.pth"})
  void needsNothingThatStandsBesideTheWeights(String name) {
    TensorFile opened = TensorFile.open(file(name));
    assertThat(opened.tensors()).containsOnlyKeys("conv.weight", "conv.bias");
    assertHolds(opened.load("conv.weight"));
    assertThat(opened.notes())
        .singleElement()
        .asString()
        .startsWith("the weights are the entry 'model' of a checkpoint; beside it are optimizer")
        .contains("args");
  }

  @Test
  void putsOtherModelsBehindPrefixes() {
    TensorFile average = TensorFile.open(file("ema.pth"));
    assertThat(average.tensors())
        .containsOnlyKeys(
            "conv.weight",
            "conv.bias",
            "model_ema.module.conv.weight",
            "model_ema.module.conv.bias");
    assertThat(average.otherModels()).containsExactly("model_ema.");
    assertHolds(average.load("conv.weight"));
    assertThat(average.load("model_ema.module.conv.bias").get(1)).isEqualTo(2 * value(1));
    TensorFile two = TensorFile.open(file("student-teacher.pth"));
    assertThat(two.tensors()).containsKeys("student.conv.weight", "teacher.module.conv.weight");
    assertThat(two.otherModels()).isEmpty();
  }

  @Test
  void readsParametersWithAttributesAndNamesWhatIsNoPlainTensor() {
    TensorFile opened = TensorFile.open(file("kinds.pth"));
    assertThat(opened.tensors()).containsOnlyKeys("x.weight");
    assertHolds(opened.load("x.weight"));
    assertThat(opened.notes()).singleElement().asString().contains("'y.weight'", "_sparse_");
  }

  @ParameterizedTest
  @ValueSource(strings = {"types.pth", "types-legacy.pth"})
  void convertsEveryElementType(String name) {
    TensorFile opened = TensorFile.open(file(name));
    for (String exact : new String[] {"float64", "float32", "float16", "bfloat16"}) {
      assertThat(opened.tensors().get(exact).type().name()).isEqualToIgnoringCase(exact);
      assertHolds(opened.load(exact));
    }
    for (String integer : new String[] {"int64", "int32", "int16", "int8"}) {
      // PyTorch cuts fractions off: -3, -2.75, -2.5, ...
      assertThat(opened.load(integer).toArray())
          .as(integer)
          .containsExactly(-3, -2, -2, -2, -2, -1);
    }
    assertThat(opened.load("uint8").toArray()).containsExactly(3, 2, 2, 2, 2, 1);
    assertThat(opened.load("bool").toArray()).containsExactly(1, 0, 1, 0, 1, 0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"views.pth", "views-legacy.pth"})
  void honoursStridesAndOffsets(String name) {
    TensorFile opened = TensorFile.open(file(name));
    assertHolds(opened.load("transposed"));
    assertThat(opened.load("channels_last").shape()).isEqualTo(Shape.of(2, 3, 4, 5));
    assertHolds(opened.load("channels_last"));
    assertHolds(opened.load("whole"));
    assertThat(opened.load("row").toArray())
        .containsExactly(value(8), value(9), value(10), value(11));
    assertThat(opened.load("column").toArray())
        .containsExactly(value(1), value(5), value(9), value(13), value(17));
    assertThat(opened.load("step").shape()).isEqualTo(Shape.of(3, 4));
    assertThat(opened.load("step").get(4)).isEqualTo(value(8));
    assertThat(opened.load("scalar").toArray()).containsExactly(value(19));
    assertThat(opened.load("empty").shape()).isEqualTo(Shape.of(0, 3));
  }

  @Test
  void mapsWhatIsContiguous() {
    assertThat(TensorFile.open(file("state_dict.pth")).load("conv.weight").buffer().isDirect())
        .isTrue();
  }

  @Test
  void refusesWhatIsNoStateDict() {
    assertRefused(
        file("whole-model.pth"),
        "a pickle that needs torch.nn.modules.container.Sequential",
        "torch.save(model.state_dict(), ...)");
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> TensorFile.open(file("whole-model-in-a-dict.pth")))
        .satisfies(
            e ->
                assertThat(e.getMessage().lines().skip(1))
                    .containsExactly(
                        "  model = torch.load('whole-model-in-a-dict.pth', map_location='cpu',"
                            + " weights_only=False)['net']",
                        "  torch.save(model.state_dict(),"
                            + " 'whole-model-in-a-dict-state_dict.pth')"));
    assertRefused(file("list.pth"), "it holds a list, not a state_dict");
    assertRefused(file("script.pth"), "TorchScript");
    assertRefused(file("expanded.pth"), "tensor 'x' 1000 repeats elements");
  }

  @Test
  void runsNothing() {
    assertHolds(TensorFile.open(file("evil.pth")).load("conv.weight"));
    assertThat(Path.of("/tmp/resfuse-was-here")).doesNotExist();
  }

  @ParameterizedTest
  @ValueSource(strings = {"state_dict.pth", "legacy.pth", "checkpoint.pth"})
  void refusesEveryTruncation(String name) throws IOException {
    byte[] whole = Files.readAllBytes(file(name));
    for (int length = 0; length < whole.length; length += 41) {
      assertRefused(Files.write(folder.resolve("cut"), Arrays.copyOf(whole, length)));
    }
  }

  @Test
  void noticesFlippedBits() throws IOException {
    byte[] bytes = Files.readAllBytes(file("state_dict.pth"));
    String marker = "state_dict/data/0";
    int name = new String(bytes, StandardCharsets.ISO_8859_1).indexOf(marker);
    int data = name + marker.length() + 64;
    bytes[data] ^= 1;
    Path damaged = Files.write(folder.resolve("damaged"), bytes);
    TensorFile opened = TensorFile.open(damaged);
    assertThatExceptionOfType(WeightsException.class)
        .isThrownBy(() -> opened.load("conv.weight"))
        .withMessageContaining("fails its checksum");
  }

  /** A zip archive like torch.save's with any pickle. */
  private Path archive(byte[] pickle) throws IOException {
    Path file = folder.resolve("archive.pth");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      store(zip, "a/data.pkl", pickle);
      store(zip, "a/data/0", new byte[16]);
    }
    return file;
  }

  private static void store(ZipOutputStream zip, String name, byte[] bytes) throws IOException {
    ZipEntry entry = new ZipEntry(name);
    CRC32 crc = new CRC32();
    crc.update(bytes);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(bytes.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(bytes);
  }

  private static byte[] latin1(String text) {
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  /** A state_dict with one tensor over the 16 bytes of storage 0. */
  private static byte[] tensor(String offset, String size, String stride) {
    return latin1(
        "\u0080\u0002}U\u0001xctorch._utils\n_rebuild_tensor_v2\n((U\u0007storage"
            + "ctorch\nFloatStorage\nU\u00010U\u0003cpuK\u0004tQ"
            + offset
            + size
            + stride
            + "\u0089)tRs.");
  }

  @Test
  void readsAHandMadePickle() throws IOException {
    HostTensor x =
        TensorFile.open(archive(tensor("K\u0000", "(K\u0002K\u0002t", "(K\u0002K\u0001t")))
            .load("x");
    assertThat(x.shape()).isEqualTo(Shape.of(2, 2));
  }

  @ParameterizedTest
  @CsvSource({
    // offset, size, stride as (4-byte little-endian) integers in hex
    "4a05000000, 284b0174, 284b0174",
    "4affffffff, 284b0174, 284b0174",
    "4b01, 284b0474, 284b0174",
    "4b00, 284b0274, 284affffffff74",
    "4b00, 284b0274, 284affffff7f74",
    "4b00, 284b0274, 288a08ffffffffffffff7f74",
    "8a08ffffffffffffff7f, 284b0174, 284b0174",
    "4b00, 284affffffff74, 284b0174",
    "4b00, 284affffff7f4affffff7f4affffff7f74, 284b004b004b0074",
    "4b00, 284b0274, 284b014b0174",
    "4b00, 284b054b0074, 284b014b0174"
  })
  void refusesTensorsOutsideOfTheirStorage(String offset, String size, String stride)
      throws IOException {
    HexFormat hex = HexFormat.of();
    byte[] pickle =
        tensor(
            new String(hex.parseHex(offset), StandardCharsets.ISO_8859_1),
            new String(hex.parseHex(size), StandardCharsets.ISO_8859_1),
            new String(hex.parseHex(stride), StandardCharsets.ISO_8859_1));
    Path file = archive(pickle);
    if (size.equals("284b054b0074")) {
      // An empty tensor lies nowhere.
      assertThat(TensorFile.open(file).load("x").shape()).isEqualTo(Shape.of(5, 0));
    } else {
      assertRefused(file, "tensor 'x'");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "cos\\nsystem\\n(U\\u0002lstR. | needs os.system",
        "cbuiltins\\neval\\n(U\\u00011tR. | needs builtins.eval",
        "U\\u0002osU\\u0006system\\u0093(tR. | needs os.system",
        "(U\\u0002lsios\\nsystem\\n. | needs os.system",
        "(cos\\nsystem\\nU\\u0002lso. | needs os.system",
        "(}U\\u0002lso. | calls a dict",
        "\\u0082\\u0001. | opcode 0x82",
        "Vtext\\n. | opcode 0x56",
        "I99999\\n. | opcode 0x49",
        "ctorch\\nFloatStorage\\n)R. | calls an object of another type",
        "U\\u0001x)R. | calls the text 'x'",
        "]}b. | sets attributes of a list",
        "}(]]]u. | it holds a dict",
        "X\\u00ff\\u00ff\\u00ff\\u007fabc. | damaged (a string or number of 2147483647 bytes",
        "\\u008e\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0040. | of 4611686018427387904 bytes",
        "\\u008b\\u00ff\\u00ff\\u00ff\\u00ff. | of 4294967295 bytes",
        "\\u0095\\u00ff\\u00ff\\u00ff\\u00ff\\u0000\\u0000\\u0000\\u0000. | of 4294967295 bytes",
        "cos | does not end",
        "(t | damaged",
        "h\\u0001. | damaged (invalid memo key)",
        "N. | it holds None",
        "a. | damaged",
        "K\\u0001. | it holds the number 1",
        "K\\u0001Q. | a persistent id that is no storage",
        "\\u0080\\u0009. | damaged",
        "NN}(K\\u0001K\\u0002u. | a dict of [1] without tensors",
      })
  void refusesHostilePickles(String pickle, String part) throws IOException {
    StringBuilder decoded = new StringBuilder();
    for (int i = 0; i < pickle.length(); i++) {
      char c = pickle.charAt(i);
      if (c == '\\' && pickle.charAt(i + 1) == 'u') {
        decoded.append((char) Integer.parseInt(pickle.substring(i + 2, i + 6), 16));
        i += 5;
      } else if (c == '\\') {
        decoded.append('\n');
        i++;
      } else {
        decoded.append(c);
      }
    }
    assertRefused(archive(latin1(decoded.toString())), part);
  }

  @Test
  void survivesDeepNestingAndSelfReference() throws IOException {
    // A list in a list in a list ..., as a value, as a key and as an argument.
    String deep = "]".repeat(100_000) + "a".repeat(99_999);
    assertRefused(archive(latin1(deep + ".")), "it holds a list");
    assertRefused(archive(latin1("}" + deep + "K\u0001s.")), "a dict of []");
    assertRefused(archive(latin1("}" + deep + "s.")), "damaged");
    String tuples = ")" + "\u0085".repeat(100_000);
    assertRefused(archive(latin1("}(" + tuples + "K\u0001u.")), "a dict of []");
    assertRefused(archive(latin1("\u008f(" + tuples + "\u0090.")), "it holds a list");
    // Each tuple holds the one before twice: 2^1000 leaves to whoever walks it.
    String laughs = ")" + "2\u0086".repeat(1000);
    assertRefused(archive(latin1("}" + laughs + "K\u0001s.")), "a dict of []");
    assertRefused(archive(latin1("]q\u0001h\u0001a.")), "it holds a list");
    assertRefused(archive(latin1("}q\u0001U\u0005modelh\u0001s.")), "a dict of [model]");
  }

  @Test
  void refusesEndlessPickles() throws IOException {
    byte[] dicts = new byte[2_000_000];
    Arrays.fill(dicts, (byte) '}');
    assertRefused(archive(dicts), "more than 1000000 steps");
  }

  @Test
  void refusesZipBombs() throws IOException {
    Path file = folder.resolve("bomb.pth");
    byte[] zeros = new byte[1 << 20];
    try (OutputStream out = Files.newOutputStream(file);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.putNextEntry(new ZipEntry("a/data.pkl"));
      zip.write(tensor("K\u0000", "(K\u0001t", "(K\u0001t"));
      zip.putNextEntry(new ZipEntry("a/data/0"));
      for (int i = 0; i < 100; i++) {
        zip.write(zeros);
      }
    }
    assertRefused(file, "unpacked it would have", "do not trust this file");
    Path pickle = folder.resolve("pickle.pth");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(pickle))) {
      zip.putNextEntry(new ZipEntry("a/data.pkl"));
      for (int i = 0; i < 20; i++) {
        zip.write(zeros);
      }
    }
    assertRefused(pickle, "'a/data.pkl' has 20971520 bytes");
  }

  @Test
  void readsCompressedArchives() throws IOException {
    Path file = folder.resolve("compressed.pth");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      zip.putNextEntry(new ZipEntry("a/data.pkl"));
      zip.write(tensor("K\u0001", "(K\u0003t", "(K\u0001t"));
      zip.putNextEntry(new ZipEntry("a/data/0"));
      zip.write(HexFormat.of().parseHex("0000803f000000400000404000008040"));
    }
    assertThat(TensorFile.open(file).load("x").toArray()).containsExactly(2, 3, 4);
  }

  @Test
  void refusesOtherArchives() throws IOException {
    Path file = folder.resolve("other.zip");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      store(zip, "readme.txt", latin1("hello"));
    }
    assertRefused(file, "not one of torch.save");
    ByteArrayOutputStream empty = new ByteArrayOutputStream();
    empty.write(latin1("PK\u0003\u0004"));
    assertRefused(Files.write(file, empty.toByteArray()), "not a complete zip archive");
  }

  @Test
  void readsTorchvisionsOwnModel() throws Exception {
    Process python =
        new ProcessBuilder(
                "/usr/bin/python3",
                file("make_torch_files.py").toString(),
                "resnet18",
                folder.toString())
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("python.log").toFile())
            .start();
    boolean done = python.waitFor(120, TimeUnit.SECONDS);
    String log = Files.readString(folder.resolve("python.log"));
    Assumptions.assumeFalse(
        log.contains("ModuleNotFoundError"), "torch and torchvision are not installed");
    assertThat(done && python.exitValue() == 0).as(log).isTrue();
    ModelFile expected = ModelFile.open(folder.resolve("resnet18.safetensors"));
    assertThat(expected.network().name()).isEqualTo("resnet18");
    assertThat(expected.config().classes()).isEqualTo(10);
    for (String name : new String[] {"resnet18.pth", "resnet18-legacy.pth"}) {
      ModelFile opened = ModelFile.open(folder.resolve(name));
      assertThat(opened.config()).isEqualTo(expected.config());
      assertThat(opened.report().isExact()).isTrue();
      for (Map.Entry<String, HostTensor> entry : expected.parameters().asMap().entrySet()) {
        assertThat(opened.parameters().get(entry.getKey()).buffer())
            .as(entry.getKey())
            .isEqualTo(entry.getValue().buffer());
      }
    }
  }
}
