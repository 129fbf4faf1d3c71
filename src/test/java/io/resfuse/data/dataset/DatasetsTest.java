package io.resfuse.data.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.data.DataException;
import io.resfuse.data.Expected;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DatasetsTest {
  /** Where Debian's dataset-fashion-mnist puts it, unless the property says otherwise. */
  private static final Path FASHION =
      Path.of(System.getProperty("fashion.mnist", "/usr/share/datasets/fashion-mnist"));

  private static final ImageDecoder DECODER = new ImageDecoder();

  @TempDir private Path folder;

  static byte[] idx(int magic, int[] dimensions, byte[] elements) {
    ByteBuffer file = ByteBuffer.allocate(4 + 4 * dimensions.length + elements.length);
    file.putInt(magic);
    for (int dimension : dimensions) {
      file.putInt(dimension);
    }
    return file.put(elements).array();
  }

  private static byte[] gzip(byte[] contents) throws IOException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (GZIPOutputStream stream = new GZIPOutputStream(packed)) {
      stream.write(contents);
    }
    return packed.toByteArray();
  }

  private Path write(String name, byte[] contents) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.write(file, contents);
  }

  private static byte[] pixels(int count) {
    byte[] pixels = new byte[count];
    for (int i = 0; i < count; i++) {
      pixels[i] = (byte) (i * 7);
    }
    return pixels;
  }

  @ParameterizedTest
  @CsvSource({
    "TRAIN, 60000, ae65dccd, 2ed6e46a, f270beb5",
    "TEST, 10000, 12728439, 242bc73f, 52830860"
  })
  void fashionMnistIsWhatPythonReads(
      Split split, int size, String pixelsCrc, String labelsCrc, String firstCrc) {
    assumeTrue(IdxDatasets.isIn(FASHION), "Debian's dataset-fashion-mnist is not installed");
    Dataset dataset = Datasets.open(FASHION, split, DECODER);
    assertThat(dataset.size()).isEqualTo(size);
    assertThat(dataset.classes().get(9)).isEqualTo("Ankle boot");
    byte[] labels = new byte[size];
    byte[] pixels = new byte[size * 784];
    for (int i = 0; i < size; i++) {
      labels[i] = (byte) dataset.label(i);
      System.arraycopy(dataset.image(i).pixels(), 0, pixels, i * 784, 784);
    }
    assertThat(Expected.crc(labels)).isEqualTo(labelsCrc);
    assertThat(Expected.crc(pixels)).isEqualTo(pixelsCrc);
    assertThat(Expected.crc(dataset.image(0).pixels())).isEqualTo(firstCrc);
    assertThat(dataset.image(0)).hasToString("28 x 28 grey");
  }

  @Test
  void idxFilesPlainAndGzipped() throws Exception {
    byte[] pixels = pixels(3 * 5 * 4);
    write("train-images-idx3-ubyte", idx(0x803, new int[] {3, 5, 4}, pixels));
    write("train-labels-idx1-ubyte.gz", gzip(idx(0x801, new int[] {3}, new byte[] {2, 0, 9})));
    Dataset dataset = Datasets.open(folder, Split.TRAIN, DECODER);
    assertThat(dataset.size()).isEqualTo(3);
    assertThat(dataset.label(2)).isEqualTo(9);
    assertThat(dataset.image(1)).hasToString("4 x 5 grey");
    assertThat(dataset.image(1).pixels()).isEqualTo(Arrays.copyOfRange(pixels, 20, 40));
    assertThatThrownBy(() -> Datasets.open(folder, Split.TEST, DECODER))
        .isInstanceOf(DataException.class)
        .hasMessage(folder + ": has no t10k-images-idx3-ubyte nor that with .gz");
  }

  private void expectIdxFailure(byte[] images, byte[] labels, String message) throws Exception {
    Path imageFile = write("images", images);
    Path labelFile = write("labels", labels);
    assertThatThrownBy(() -> IdxDatasets.read("x", imageFile, labelFile, IdxDatasets.DIGITS))
        .isInstanceOf(DataException.class)
        .hasMessageContaining(message);
  }

  @Test
  void damagedIdxFilesAreNamed() throws Exception {
    byte[] images = idx(0x803, new int[] {3, 5, 4}, pixels(60));
    byte[] labels = idx(0x801, new int[] {3}, new byte[] {2, 0, 9});
    expectIdxFailure(images, images, "labels: starts with 0x00000803; an IDX file of bytes with 1");
    expectIdxFailure(labels, labels, "images: starts with 0x00000801; an IDX file of bytes with 3");
    expectIdxFailure(Arrays.copyOf(images, 40), labels, "images: truncated");
    expectIdxFailure(Arrays.copyOf(images, 9), labels, "images: truncated");
    expectIdxFailure(new byte[0], labels, "images: truncated");
    expectIdxFailure(Arrays.copyOf(images, 99), labels, "images: goes on after the 60 elements");
    byte[] packed = gzip(images);
    expectIdxFailure(Arrays.copyOf(packed, packed.length - 4), labels, "images: truncated");
    expectIdxFailure(Arrays.copyOf(packed, packed.length / 2), labels, "images: truncated");
    packed[packed.length - 6] ^= 1;
    expectIdxFailure(packed, labels, "images: cannot be read: Corrupt GZIP trailer");
    expectIdxFailure(images, idx(0x801, new int[] {2}, new byte[2]), "has 3 pictures, " + folder);
    expectIdxFailure(
        images,
        idx(0x801, new int[] {3}, new byte[] {2, 10, 0}),
        "labels: label 1 is 10, there are 10 classes");
    expectIdxFailure(
        idx(0x803, new int[] {-1, 5, 4}, new byte[0]), labels, "header says dimension 0 is -1");
    expectIdxFailure(
        idx(0x803, new int[] {60000, 60000, 60000}, new byte[0]), labels, "dimension 1 is 60000");
    expectIdxFailure(idx(0x803, new int[] {1000, 1000, 1500}, new byte[9]), labels, "images: ");
  }

  @Test
  void cifar10() throws Exception {
    ByteArrayOutputStream records = new ByteArrayOutputStream();
    for (int i = 0; i < 4; i++) {
      records.write(i * 3);
      records.write(pixels(3072));
    }
    for (int i = 1; i <= 5; i++) {
      write("cifar-10-batches-bin/data_batch_" + i + ".bin", records.toByteArray());
    }
    write(
        "cifar-10-batches-bin/batches.meta.txt",
        "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n".getBytes(StandardCharsets.UTF_8));
    Dataset dataset = Datasets.open(folder, Split.TRAIN, DECODER);
    assertThat(dataset.size()).isEqualTo(20);
    assertThat(dataset.classes()).hasSize(10).startsWith("a", "b");
    assertThat(dataset.label(19)).isEqualTo(9);
    Image image = dataset.image(7);
    assertThat(image).hasToString("32 x 32 RGB");
    for (int channel = 0; channel < 3; channel++) {
      int expected = ((channel * 1024 + 3 * 32 + 5) * 7) & 0xff;
      assertThat(image.sample(5, 3, channel)).isEqualTo(expected);
    }
    assertThatThrownBy(() -> Datasets.open(folder, Split.TEST, DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("test_batch.bin: no such file; unpack the binary version");
    write("cifar-10-batches-bin/data_batch_3.bin", Arrays.copyOf(records.toByteArray(), 5000));
    assertThatThrownBy(() -> CifarDatasets.cifar10(folder, Split.TRAIN))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("has 5000 bytes, which is not a whole number of records of 3073");
    byte[] wrongLabel = records.toByteArray();
    wrongLabel[3073] = 77;
    write("cifar-10-batches-bin/data_batch_3.bin", wrongLabel);
    assertThatThrownBy(() -> CifarDatasets.cifar10(folder, Split.TRAIN))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("label 9 is 77, there are 10 classes");
  }

  @Test
  void cifar100TakesTheFineLabels() throws Exception {
    ByteArrayOutputStream records = new ByteArrayOutputStream();
    records.write(new byte[] {3, 99});
    records.write(pixels(3072));
    write("test.bin", records.toByteArray());
    Dataset dataset = Datasets.open(folder, Split.TEST, DECODER);
    assertThat(dataset.label(0)).isEqualTo(99);
    assertThat(dataset.classes()).hasSize(100);
    assertThat(dataset.image(0).sample(1, 0, 0)).isEqualTo(7);
  }

  @Test
  void aFolderPerClass() throws Exception {
    byte[] png = Expected.resource("pictures/rgb.png");
    write("train/dog/b.PNG", png);
    write("train/dog/inner/a.png", png);
    write("train/cat/c.png", png);
    write("train/cat/notes.txt", png);
    write("train/cat/.hidden.png", png);
    write("train/.git/x.png", png);
    write("val/cat/d.png", png);
    write("val/dog/d.png", png);
    Dataset dataset = Datasets.open(folder, Split.TRAIN, DECODER);
    assertThat(dataset.classes()).containsExactly("cat", "dog");
    assertThat(dataset.size()).isEqualTo(3);
    assertThat(dataset.label(0)).isZero();
    assertThat(dataset.describe(0)).endsWith("c.png");
    assertThat(dataset.describe(2)).endsWith("a.png");
    assertThat(dataset.image(2).width()).isEqualTo(61);
    assertThat(Datasets.open(folder, Split.TEST, DECODER).size()).isEqualTo(2);
    Files.createDirectories(folder.resolve("train/empty"));
    assertThatThrownBy(() -> Datasets.open(folder, Split.TRAIN, DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("empty: has no pictures");
    assertThatThrownBy(() -> FileDataset.folders(folder.resolve("val/cat"), DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("has no folders; a folder of pictures per class is needed");
    assertThatThrownBy(() -> FileDataset.folders(folder.resolve("nothing"), DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("no such folder");
  }

  @Test
  void listsOfPictures() throws Exception {
    byte[] png = Expected.resource("pictures/rgb.png");
    write("pictures/a, b.png", png);
    write("pictures/c.png", png);
    write(
        "train.csv",
        "path,label\n\"pictures/a, b.png\",10\n\npictures/c.png,9\npictures/c.png,10\n"
            .getBytes(StandardCharsets.UTF_8));
    write("test.csv", "pictures/c.png,10\npictures/c.png,9\n".getBytes(StandardCharsets.UTF_8));
    Dataset train = Datasets.open(folder, Split.TRAIN, DECODER);
    assertThat(train.classes()).containsExactly("9", "10");
    assertThat(train.label(0)).isEqualTo(1);
    assertThat(train.image(0).width()).isEqualTo(61);
    assertThat(Datasets.open(folder, Split.TEST, DECODER).label(0)).isEqualTo(1);
    Path bad =
        write("bad.csv", "pictures/c.png,10\njust-a-path\n".getBytes(StandardCharsets.UTF_8));
    assertThatThrownBy(() -> FileDataset.list(bad, DECODER))
        .isInstanceOf(DataException.class)
        .hasMessage(bad + ":2: 'PATH,LABEL' was expected, found 'just-a-path'");
    assertThatThrownBy(() -> FileDataset.list(bad, List.of("8"), DECODER))
        .isInstanceOf(DataException.class);
    Path list = folder.resolve("test.csv");
    assertThatThrownBy(() -> FileDataset.list(list, List.of("8", "9"), DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("label '10' is none of the classes 8, 9");
    assertThatThrownBy(() -> FileDataset.list(list, List.of("8", "9", "10"), DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("class '8' has no pictures");
    Path empty = write("empty.csv", new byte[0]);
    assertThatThrownBy(() -> FileDataset.list(empty, DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("lists no pictures");
  }

  /** As pandas and R quote them, with a byte order mark as some editors write it. */
  @Test
  void quotedHeadingsAreNoPictures() throws Exception {
    write("c.png", Expected.resource("pictures/rgb.png"));
    Path list =
        write(
            "quoted.csv",
            "\uFEFF\"path\",\"label\"\n\"c.png\",\"cat\"\n\"c.png\",\"dog\"\n"
                .getBytes(StandardCharsets.UTF_8));
    FileDataset data = FileDataset.list(list, DECODER);
    assertThat(data.classes()).containsExactly("cat", "dog");
    assertThat(data.size()).isEqualTo(2);
    Path unknown = write("unknown.csv", "id,breed\nc.png,cat\n".getBytes(StandardCharsets.UTF_8));
    assertThatThrownBy(() -> FileDataset.list(unknown, DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageContaining(unknown + ":1: 'id,breed' is neither a heading");
    Path nul = write("nul.csv", "c.png,cat\na\0b.png,dog\n".getBytes(StandardCharsets.UTF_8));
    assertThatThrownBy(() -> FileDataset.list(nul, DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageContaining(nul + ":2: has a NUL character");
  }

  @Test
  void listsMayBeInEveryUnicodeEncodingAndWithEveryLineEnd() throws Exception {
    byte[] png = Expected.resource("pictures/rgb.png");
    write("b\u00fccher.png", png);
    write("a, \"b\"\nc.png", png);
    String text =
        """
        \uFEFFpath,label
        "b\u00fccher.png","K\u00e4se, alt"
         "a, ""b""
        c.png" , dog\s

        b\u00fccher.png,5" disk
        """;
    for (Charset charset :
        List.of(StandardCharsets.UTF_8, StandardCharsets.UTF_16LE, StandardCharsets.UTF_16BE)) {
      for (String end : List.of("\n", "\r\n", "\r")) {
        Path list = write("list.csv", bytes(text, end, charset));
        FileDataset data = FileDataset.list(list, DECODER);
        assertThat(data.classes()).containsExactly("5\" disk", "K\u00e4se, alt", "dog");
        assertThat(data.size()).isEqualTo(3);
        assertThat(data.image(0).width()).isEqualTo(61);
        assertThat(data.image(1).width()).isEqualTo(61);
      }
    }
  }

  /** With line ends of other systems, but not inside of names. */
  private static byte[] bytes(String text, String end, Charset charset) {
    return text.replace("\nc.png", "\0")
        .replace("\n", end)
        .replace("\0", "\nc.png")
        .getBytes(charset);
  }

  @Test
  void whatIsNoTextIsNamedWithItsLine() throws Exception {
    write("c.png", Expected.resource("pictures/rgb.png"));
    expectListFailure(
        "c.png,cat\nc.png,K\u00e4se\n".getBytes(StandardCharsets.ISO_8859_1),
        ":2: is not UTF-8 (byte 0xe4); save the list as UTF-8");
    expectListFailure(
        "\u00e4.png,cat\n".getBytes(StandardCharsets.ISO_8859_1), ":1: is not UTF-8 (byte 0xe4)");
    expectListFailure("c.png,cat\n".getBytes(StandardCharsets.UTF_16LE), ":1: has a NUL character");
    expectListFailure(new byte[] {(byte) 0xff, (byte) 0xfe, 'c'}, ":1: is not UTF-16LE");
    expectListFailure("c.png,cat\nc.png,d\0g\n".getBytes(StandardCharsets.UTF_8), ":2: has a NUL");
    expectListFailure(
        "c.png,cat\n\"c.png,dog\nc.png,cat\n".getBytes(StandardCharsets.UTF_8),
        ":2: a quote is opened in this line and never closed");
    expectListFailure(
        "c.png,cat,1\n".getBytes(StandardCharsets.UTF_8), ":1: 'PATH,LABEL' was expected");
    expectListFailure(
        "c.png;cat\n".getBytes(StandardCharsets.UTF_8), ":1: 'PATH,LABEL' was expected");
    expectListFailure(
        "filepath,class_name\nc.png,cat\n".getBytes(StandardCharsets.UTF_8),
        ":1: 'filepath,class_name' is neither a heading");
    expectListFailure(
        "\n\nid,breed\nc.png,cat\n".getBytes(StandardCharsets.UTF_8),
        ":3: 'id,breed' is neither a heading");
    expectListFailure(
        "path,label,part\nc.png,cat,dev\n".getBytes(StandardCharsets.UTF_8),
        ":2: the part is 'dev'; there are train and test");
    expectListFailure(
        "c.png,cat\nx\u001b[2J\n".getBytes(StandardCharsets.UTF_8),
        ":2: 'PATH,LABEL' was expected, found 'x\\u001b[2J'");
  }

  private void expectListFailure(byte[] contents, String message) throws Exception {
    Path list = write("wrong.csv", contents);
    assertThatThrownBy(() -> FileDataset.list(list, DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith(list + message);
  }

  @Test
  void numbersAreInTheOrderOfNumbersAndMatchedByName() throws Exception {
    byte[] png = Expected.resource("pictures/rgb.png");
    for (int i = 0; i < 11; i++) {
      write("train/" + i + "/a.png", png);
    }
    Dataset folders = Datasets.open(folder, Split.TRAIN, DECODER);
    assertThat(folders.classes())
        .containsExactly("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10");
    List<String> reversed = new ArrayList<>(folders.classes());
    Collections.reverse(reversed);
    Dataset other = Datasets.withClasses(folders, reversed);
    assertThat(other.classes()).isEqualTo(reversed);
    assertThat(other.label(1)).isEqualTo(9);
    assertThat(other.describe(1)).isEqualTo(folders.describe(1));
    assertThat(Datasets.withClasses(folders, folders.classes())).isSameAs(folders);
    assertThatThrownBy(() -> Datasets.withClasses(folders, List.of("0", "1")))
        .isInstanceOf(DataException.class);
  }

  @Test
  void unknownFoldersSayWhatIsNeeded() {
    assertThatThrownBy(() -> Datasets.open(folder, Split.TRAIN, DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("holds no data set that is known; a folder with IDX files");
    assertThatThrownBy(() -> Datasets.open(folder.resolve("x"), Split.TRAIN, DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("x: no such folder");
  }

  @Test
  void subsetsKeepLabelsAndPictures() throws Exception {
    byte[] labels = new byte[40];
    for (int i = 0; i < 40; i++) {
      labels[i] = (byte) (i % 10);
    }
    Path images = write("images", idx(0x803, new int[] {40, 2, 3}, pixels(240)));
    Path labelFile = write("labels", idx(0x801, new int[] {40}, labels));
    Dataset whole = IdxDatasets.read("x", images, labelFile, IdxDatasets.DIGITS);
    Dataset some = whole.subset(39, 4);
    assertThat(some.size()).isEqualTo(2);
    assertThat(some.image(0).pixels()).isEqualTo(whole.image(39).pixels());
    assertThat(some.describe(1)).isEqualTo("x[4]");
    Dataset balanced = whole.balancedSubset(3, 1);
    assertThat(balanced.size()).isEqualTo(30);
    int[] counts = new int[10];
    for (int i = 0; i < 30; i++) {
      counts[balanced.label(i)]++;
    }
    assertThat(counts).containsOnly(3);
    assertThatThrownBy(() -> whole.balancedSubset(5, 1))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("class '0' has 4 pictures, 5 were asked for");
  }
}
