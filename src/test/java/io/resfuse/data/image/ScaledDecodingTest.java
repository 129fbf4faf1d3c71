package io.resfuse.data.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.data.Expected;
import io.resfuse.data.Jpegs;
import io.resfuse.data.SampleRandom;
import io.resfuse.data.augment.RandomResizedCrop;
import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.dataset.DatasetPacker;
import io.resfuse.data.dataset.FileDataset;
import io.resfuse.data.dataset.PackedDataset;
import io.resfuse.data.dataset.Split;
import io.resfuse.data.loader.Loader;
import io.resfuse.data.loader.LoaderEpoch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** JPEGs that are decoded at the size at which they are needed. */
class ScaledDecodingTest {
  private static final ImageDecoder DECODER = new ImageDecoder();
  private static final Preprocessing NETWORK = Preprocessing.of("torchvision");
  private static final List<String> EXAMPLES = List.of("china.jpg", "chelsea.png", "coffee.png");

  @TempDir private Path folder;

  @BeforeEach
  void wantsTheLibrary() {
    assumeTrue(PictureKernels.decodeJpegs(), "there is no libjpeg-turbo for this platform");
  }

  private static Image read(Path file, Reduction needed) {
    return DECODER.read(file, new PixelScratch(), needed);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 8",
    "0.51, 8",
    "0.5, 4",
    "0.26, 4",
    "0.25, 2",
    "0.13, 2",
    "0.125, 1",
    "0, 1",
    "7, 8"
  })
  void theSmallestSizeThatIsEnoughIsTaken(double share, int eighths) throws IOException {
    assertThat(((Reduction) (width, height) -> share).eighths(100, 100)).isEqualTo(eighths);
    Path china = Path.of("examples/china.jpg");
    Image image = read(china, (width, height) -> width == 640 && height == 427 ? share : 1);
    assertThat(image.width()).isEqualTo(640 * eighths / 8);
    assertThat(image.height()).isEqualTo((427 * eighths + 7) / 8);
    if (eighths == 8) {
      assertThat(image.pixels()).isEqualTo(DECODER.read(china).pixels());
    }
  }

  @Test
  void whatIsNeededIsAskedOfTheUprightPicture() throws IOException {
    Path file = folder.resolve("turned.jpg");
    Files.write(file, Expected.resource("pictures/orientation-6.jpg"));
    Image half = read(file, (width, height) -> width == 17 && height == 24 ? 0.5 : 1);
    assertThat(half).hasToString("9 x 12 RGB");
  }

  /** Without libjpeg-turbo nothing changes. */
  @Test
  void theJdkDecodesWhole() throws IOException {
    byte[] file = Files.readAllBytes(Path.of("examples/china.jpg"));
    Image image =
        JpegDecoder.decode(
            file,
            ImageDecoder.DEFAULT_MAX_PIXELS,
            new PixelScratch(),
            (width, height) -> 0.1,
            (coded, ycc, width, height, eighths, scratch) -> null);
    assertThat(image.pixels()).isEqualTo(DECODER.read(Path.of("examples/china.jpg")).pixels());
  }

  /** As far as docs/training.md says; Pillow's draft mode differs by as much. */
  @ParameterizedTest
  @CsvSource({"700, 525, 6, 115", "1500, 1125, 6.5, 130", "4000, 3000, 1, 15"})
  void samplesAreNearThoseOfTheWhole(int width, int height, double mean, int largest)
      throws IOException {
    for (String example : EXAMPLES) {
      Path file = Jpegs.write(Path.of("examples", example), width, height, folder.resolve("a.jpg"));
      Image reduced = read(file, NETWORK.reduction());
      assertThat(reduced.width()).isLessThanOrEqualTo(width / 2);
      byte[] whole = NETWORK.newPreprocessor().crop(DECODER.read(file)).pixels();
      Difference difference =
          Difference.of(whole, NETWORK.newPreprocessor().crop(reduced).pixels());
      assertThat(difference.mean()).as("%s at %d", example, width).isBetween(0.1, mean);
      assertThat(difference.largest()).as("%s at %d", example, width).isLessThanOrEqualTo(largest);
    }
  }

  /** The same part of the picture, but for less than a pixel of what is decoded. */
  @Test
  void randomCropsAreNearThoseOfTheWhole() throws IOException {
    Path file = Jpegs.write(Path.of("examples/coffee.png"), 3000, 2250, folder.resolve("a.jpg"));
    RandomResizedCrop crop = new RandomResizedCrop(224);
    Image whole = DECODER.read(file);
    double worst = 0;
    int smaller = 0;
    for (int seed = 0; seed < 12; seed++) {
      SampleRandom random = new SampleRandom(seed, 0, 0);
      Image reduced = read(file, (width, height) -> crop.share(width, height, random));
      random.reset(seed, 0, 0);
      smaller += reduced.width() < whole.width() ? 1 : 0;
      byte[] expected = crop.apply(whole, random).pixels();
      random.reset(seed, 0, 0);
      worst = Math.max(worst, Difference.of(expected, crop.apply(reduced, random).pixels()).mean());
    }
    assertThat(smaller).isGreaterThan(8);
    assertThat(worst).isLessThan(6.5);
  }

  /** Loaders and packers decode less only where they are told to. */
  @Test
  void loadersAndPackersScaleWhereTheyAreAskedTo() throws IOException {
    Path file = folder.resolve("list.csv");
    Files.writeString(file, "a.jpg,0\n");
    Jpegs.write(Path.of("examples/coffee.png"), 1500, 1125, folder.resolve("a.jpg"));
    Dataset data = FileDataset.list(file, DECODER);
    byte[] exact = batch(data, Decoding.EXACT);
    assertThat(exact)
        .isEqualTo(NETWORK.newPreprocessor().crop(DECODER.read(folder.resolve("a.jpg"))).pixels());
    byte[] scaled = batch(data, Decoding.SCALED);
    assertThat(Difference.of(exact, scaled).mean()).isBetween(0.1, 6.5);
    for (Decoding decoding : Decoding.values()) {
      Path pack = folder.resolve(decoding + ".pack");
      new DatasetPacker(256, 1, decoding, (done, total) -> {}).pack(data, null, pack);
      byte[] packed = batch(PackedDataset.open(pack, Split.TRAIN), Decoding.EXACT);
      assertThat(packed).isEqualTo(decoding == Decoding.EXACT ? exact : scaled);
    }
  }

  private static byte[] batch(Dataset data, Decoding decoding) {
    Loader loader = Loader.forEvaluation(data, NETWORK, 1).decoding(decoding).build();
    try (LoaderEpoch epoch = loader.pixels(0, 0)) {
      byte[] pixels = new byte[NETWORK.floatsPerImage()];
      epoch.next().pixels().get(0, pixels);
      return pixels;
    }
  }

  private record Difference(double mean, int largest) {
    static Difference of(byte[] a, byte[] b) {
      assertThat(a).hasSameSizeAs(b);
      long sum = 0;
      int largest = 0;
      for (int i = 0; i < a.length; i++) {
        int difference = Math.abs((a[i] & 0xff) - (b[i] & 0xff));
        sum += difference;
        largest = Math.max(largest, difference);
      }
      return new Difference((double) sum / a.length, largest);
    }
  }
}
