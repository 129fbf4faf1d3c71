package io.resfuse.data.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.data.DataException;
import io.resfuse.data.SyntheticImages;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.data.image.Preprocessing;
import io.resfuse.data.image.Preprocessor;
import io.resfuse.tensor.TensorLayout;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PackedDatasetTest {
  @TempDir private Path folder;

  /** Pictures of different sizes, colour and grey; some cannot be read. */
  private record Pictures(List<Image> images, Set<Integer> unreadable) implements Dataset {
    static Pictures of(int count, Integer... unreadable) {
      List<Image> images = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        images.add(SyntheticImages.pattern(20 + 7 * i, 35 + 2 * i, i % 3 == 1 ? 1 : 3));
      }
      return new Pictures(images, Set.of(unreadable));
    }

    @Override
    public String name() {
      return "patterns";
    }

    @Override
    public int size() {
      return images.size();
    }

    @Override
    public List<String> classes() {
      return List.of("rot", "grün", "");
    }

    @Override
    public int label(int index) {
      return index * 2 % 3;
    }

    @Override
    public Image image(int index) {
      if (unreadable.contains(index)) {
        throw new ImageException("patterns[" + index + "]: damaged");
      }
      return images.get(index);
    }
  }

  private Path file() {
    return folder.resolve("pictures.pack");
  }

  private DatasetPacker.Result pack(Dataset training, Dataset test, int shorterSide, int threads) {
    return new DatasetPacker(shorterSide, threads, (done, total) -> {})
        .pack(training, test, file());
  }

  @Test
  void holdsWhatWasPacked() throws IOException {
    Pictures training = Pictures.of(9);
    Pictures test = Pictures.of(4);
    DatasetPacker.Result result = pack(training, test, 0, 3);
    assertThat(result).isEqualTo(new DatasetPacker.Result(9, 4, 0, Files.size(file())));
    for (Split split : Split.values()) {
      Dataset expected = split == Split.TRAIN ? training : test;
      Dataset packed = Datasets.open(file(), split, new ImageDecoder());
      assertThat(packed.name()).isEqualTo("patterns, packed in " + file());
      assertThat(packed.size()).isEqualTo(expected.size());
      assertThat(packed.classes()).isEqualTo(expected.classes());
      for (int i = 0; i < packed.size(); i++) {
        assertThat(packed.label(i)).isEqualTo(expected.label(i));
        assertThat(packed.image(i)).hasToString(expected.image(i).toString());
        assertThat(packed.image(i).pixels()).isEqualTo(expected.image(i).pixels());
      }
    }
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(file());
    }
  }

  @Test
  void threadsChangeNothing() throws IOException {
    pack(Pictures.of(20, 3, 19), null, 30, 1);
    byte[] alone = Files.readAllBytes(file());
    pack(Pictures.of(20, 3, 19), null, 30, 4);
    assertThat(Files.readAllBytes(file())).isEqualTo(alone);
  }

  @Test
  void unreadablePicturesAreLeftOutAndCounted() {
    DatasetPacker.Result result = pack(Pictures.of(6, 0, 4), null, 0, 2);
    assertThat(result.unreadable()).isEqualTo(2);
    Dataset packed = PackedDataset.open(file(), Split.TRAIN);
    assertThat(packed.size()).isEqualTo(4);
    assertThat(packed.label(3)).isEqualTo(5 * 2 % 3);
    assertThat(packed.image(3).pixels()).isEqualTo(Pictures.of(6).image(5).pixels());
    assertThatThrownBy(() -> PackedDataset.open(file(), Split.TEST))
        .isInstanceOf(DataException.class)
        .hasMessage(file() + ": holds no test pictures; pack the data set again, with that part");
  }

  @Test
  void isOpenedInAnInterruptedThreadToo() {
    pack(Pictures.of(4), null, 0, 1);
    Thread.currentThread().interrupt();
    boolean still;
    Dataset packed;
    try {
      assertThat(PackedDataset.isPack(file())).isTrue();
      packed = PackedDataset.open(file(), Split.TRAIN);
    } finally {
      still = Thread.interrupted();
    }
    assertThat(still).isTrue();
    assertThat(packed.size()).isEqualTo(4);
  }

  @Test
  void evaluationGetsTheSameTensorsAsFromThePictures() {
    Pictures pictures = Pictures.of(12);
    pack(pictures, null, 40, 1);
    PackedDataset packed = PackedDataset.open(file(), Split.TRAIN);
    assertThat(packed.shorterSide()).isEqualTo(40);
    Preprocessor preprocessor = Preprocessing.of("torchvision").withSize(40, 32).newPreprocessor();
    int floats = preprocessor.preprocessing().floatsPerImage();
    int shrunk = 0;
    for (int i = 0; i < pictures.size(); i++) {
      Image image = packed.image(i);
      shrunk += image.pixels().length < pictures.image(i).pixels().length ? 1 : 0;
      FloatBuffer fromPack = FloatBuffer.allocate(floats);
      FloatBuffer fromPicture = FloatBuffer.allocate(floats);
      preprocessor.write(image, fromPack, 0, TensorLayout.NCHW);
      preprocessor.write(pictures.image(i), fromPicture, 0, TensorLayout.NCHW);
      assertThat(fromPack.array()).isEqualTo(fromPicture.array());
    }
    assertThat(shrunk).isEqualTo(9);
  }

  @Test
  void memoryIsUsedAgainForPicturesOfOneSize() {
    List<Image> images = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      images.add(SyntheticImages.pattern(30, 20, 3));
      images.add(SyntheticImages.pattern(20 + i, 30, 3));
    }
    images.get(2).pixels()[7]++;
    pack(new Pictures(images, Set.of()), null, 0, 1);
    PackedDataset packed = PackedDataset.open(file(), Split.TRAIN);
    PixelScratch scratch = new PixelScratch();
    byte[] first = packed.image(0, scratch).pixels();
    for (int i = 0; i < images.size(); i++) {
      Image image = packed.image(i, scratch);
      assertThat(image.pixels()).isEqualTo(images.get(i).pixels());
      if (i % 2 == 0 && i < 6) {
        assertThat(image.pixels()).isSameAs(first);
      }
    }
    assertThat(packed.image(0)).isNotSameAs(packed.image(0));
  }

  @Test
  void picturesMayLieAcrossWindows() {
    Pictures pictures = Pictures.of(12);
    pack(pictures, null, 0, 1);
    int largest = 97 * 57 * 3;
    PackedDataset packed = PackedDataset.open(file(), Split.TRAIN, largest);
    for (int i = 0; i < pictures.size(); i++) {
      assertThat(packed.image(i).pixels()).isEqualTo(pictures.image(i).pixels());
    }
    assertThatThrownBy(() -> PackedDataset.open(file(), Split.TRAIN, largest - 1))
        .hasMessageContaining("its index is wrong about picture 11");
  }

  @Test
  void othersClassesAreRefused() {
    Pictures training = Pictures.of(3);
    Dataset test =
        new MemoryDataset(
            "digits", null, IdxDatasets.DIGITS, new byte[1], new byte[784], 28, 28, 1, "digits");
    assertThatThrownBy(() -> pack(training, test, 0, 1))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith("patterns has 3 classes, digits 10");
    assertThatThrownBy(() -> pack(Pictures.of(2, 0, 1), null, 0, 1))
        .isInstanceOf(DataException.class)
        .hasMessage("patterns: none of its pictures can be read");
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void placesThatCannotBeWrittenAreNamed() {
    DatasetPacker packer = new DatasetPacker(0, 1, (done, total) -> {});
    assertThatThrownBy(() -> packer.pack(Pictures.of(1), null, folder))
        .isInstanceOf(DataException.class)
        .hasMessage(folder + ": is a folder; name a file in it");
    Path nowhere = folder.resolve("missing/a.pack");
    assertThatThrownBy(() -> packer.pack(Pictures.of(1), null, nowhere))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith(nowhere + ": cannot be written: ");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 7, 40, 64, 2000, 20_000, 1})
  void cutFilesAreRefused(int cut) throws IOException {
    pack(Pictures.of(5), null, 0, 1);
    byte[] whole = Files.readAllBytes(file());
    Files.write(file(), Arrays.copyOf(whole, cut == 1 ? whole.length - 1 : cut));
    assertThatThrownBy(() -> PackedDataset.open(file(), Split.TRAIN))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith(file() + ": is ")
        .hasMessageEndingWith(cut < 64 && cut != 1 ? "'resfuse pack' makes one" : "again");
  }

  /** Each bit counts: a file with another one is refused when it is opened or the picture read. */
  @Test
  void flippedBitsAreSeen() throws IOException {
    Pictures pictures = Pictures.of(2);
    pack(pictures, null, 0, 1);
    byte[] whole = Files.readAllBytes(file());
    Random random = new Random(1);
    for (int i = 0; i < 500; i++) {
      byte[] flipped = whole.clone();
      int at = i < 64 ? i : random.nextInt(whole.length);
      flipped[at] ^= (byte) (1 << random.nextInt(8));
      Files.write(file(), flipped);
      assertThatThrownBy(
              () -> {
                Dataset packed = PackedDataset.open(file(), Split.TRAIN);
                packed.image(0);
                packed.image(1);
              })
          .as("byte %d", at)
          .isInstanceOf(DataException.class)
          .hasMessageContaining(file().toString());
    }
  }

  /** With the checksums put right, a wrong number still is an answer in one line. */
  @Test
  void wrongNumbersAreRefused() throws IOException {
    pack(Pictures.of(3), Pictures.of(2), 0, 1);
    byte[] whole = Files.readAllBytes(file());
    ByteBuffer original = ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN);
    int index = (int) original.getLong(24);
    int refused = 0;
    for (int at = index; at <= whole.length - 4; at++) {
      for (int value : new int[] {-1, Integer.MAX_VALUE, 1 << 20}) {
        ByteBuffer wrong = ByteBuffer.wrap(whole.clone()).order(ByteOrder.LITTLE_ENDIAN);
        wrong.putInt(at, value);
        CRC32C crc = new CRC32C();
        crc.update(wrong.array(), index, whole.length - index);
        wrong.putInt(40, (int) crc.getValue());
        crc.reset();
        crc.update(wrong.array(), 0, 60);
        wrong.putInt(60, (int) crc.getValue());
        Files.write(file(), wrong.array());
        try {
          Dataset packed = PackedDataset.open(file(), Split.TRAIN);
          for (int i = 0; i < packed.size(); i++) {
            packed.image(i);
          }
        } catch (DataException expected) {
          refused++;
          assertThat(expected).hasMessageContaining(file().toString());
        }
      }
    }
    assertThat(refused).isGreaterThan(100);
  }

  @Test
  void laterVersionsAndOtherFilesAreNamed() throws IOException {
    pack(Pictures.of(1), null, 0, 1);
    byte[] later = Files.readAllBytes(file());
    later[8] = 2;
    Files.write(file(), later);
    assertThatThrownBy(() -> Datasets.open(file(), Split.TRAIN, new ImageDecoder()))
        .hasMessage(
            file() + ": is of version 2, this ResFuse reads version 1; pack the data set again");
    Files.writeString(file(), "something else");
    assertThatThrownBy(() -> Datasets.open(file(), Split.TRAIN, new ImageDecoder()))
        .hasMessageStartingWith(file() + ": is a file; a folder with IDX files")
        .hasMessageEndingWith("or a file of 'resfuse pack'");
    assertThatThrownBy(() -> PackedDataset.open(folder.resolve("none"), Split.TRAIN))
        .hasMessage(folder.resolve("none") + ": cannot be read: no such file");
  }
}
