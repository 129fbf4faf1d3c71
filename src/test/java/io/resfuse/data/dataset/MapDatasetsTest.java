package io.resfuse.data.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.data.DataException;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageDecoder;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.PngEncoder;
import io.resfuse.detect.BoxList;
import java.awt.image.BufferedImage;
import java.awt.image.ColorModel;
import java.awt.image.Raster;
import java.awt.image.WritableRaster;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import javax.imageio.ImageTypeSpecifier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Folders of masks and COCO's JSON: what is in them, and what is said of those that are wrong. */
class MapDatasetsTest {
  private static final ImageDecoder DECODER = new ImageDecoder();
  private static final List<String> CLASSES = List.of("ground", "cat", "dog");

  @TempDir Path folder;

  @BeforeEach
  void picture() throws IOException {
    Path pictures = Files.createDirectories(folder.resolve("pictures/in"));
    Files.createDirectories(folder.resolve("masks/in"));
    Files.write(pictures.resolve("a.b.png"), PngEncoder.picture(Image.rgb(3, 2, new byte[18])));
  }

  private void mask(Image map) throws IOException {
    Files.write(folder.resolve("masks/in/a.b.png"), PngEncoder.mask(map));
  }

  private MaskDataset masks() {
    return MaskDataset.open(folder.resolve("pictures"), folder.resolve("masks"), CLASSES, DECODER);
  }

  /** Of a palette the index counts and not the colour. */
  @Test
  void masksAreNumbers() throws IOException {
    byte[] numbers = {0, 1, 2, (byte) 255, 1, 0};
    mask(Image.grey(3, 2, numbers.clone()));
    assertThat(masks().map(0).pixels()).isEqualTo(numbers);
    assertThat(masks().image(0).width()).isEqualTo(3);
    assertThat(masks().describe(0)).endsWith("a.b.png");
    assertThat(DECODER.read(folder.resolve("masks/in/a.b.png")).sample(1, 0, 0)).isEqualTo(128);
    Files.writeString(folder.resolve("classes.txt"), "ground\ncat\n\n dog\r\n");
    assertThat(MaskDataset.open(folder, DECODER).classes()).isEqualTo(CLASSES);
    MaskDataset moved = masks().withClasses(List.of("dog", "bird", "ground", "cat"));
    assertThat(moved.map(0).pixels()).containsExactly(2, 3, 0, 255, 3, 2);
    assertThat(moved.classes()).containsExactly("dog", "bird", "ground", "cat");
    assertThatThrownBy(() -> masks().withClasses(List.of("ground", "cat")))
        .hasMessageContaining("class 'dog' is none of ground, cat");
  }

  @Test
  void foldersAreFoundAndMatched() throws IOException {
    mask(Image.grey(3, 2, new byte[] {0, 1, 2, (byte) 255, 1, 0}));
    assertThat(MapDatasets.isIn(folder)).isTrue();
    assertThatThrownBy(() -> MapDatasets.open(folder, Split.TEST, DECODER))
        .hasMessageContaining("classes.txt: no such file");
    Files.writeString(folder.resolve("classes.txt"), "ground\ncat\ndog\n");
    SegmentationDataset whole = MapDatasets.open(folder, Split.TEST, DECODER);
    assertThat(whole.subset(0, 0).size()).isEqualTo(2);
    assertThat(whole.subset(0, 0).map(1).sample(1, 0, 0)).isEqualTo(1);
    assertThatThrownBy(() -> whole.subset(1)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> MapDatasets.openPart(folder, Split.TRAIN, DECODER))
        .isInstanceOf(DataException.class)
        .hasMessageContaining("has no folder train with pictures and their masks; folders train");

    Path parts = folder.resolve("parts");
    assertThat(MapDatasets.isIn(parts)).isFalse();
    Files.createDirectories(parts.resolve("val"));
    for (String entry : List.of("pictures", "masks", "classes.txt")) {
      Files.move(folder.resolve(entry), parts.resolve("val").resolve(entry));
    }
    assertThat(MapDatasets.isIn(folder)).isFalse();
    assertThat(MapDatasets.isIn(parts)).isTrue();
    SegmentationDataset val = MapDatasets.openPart(parts, Split.TEST, DECODER);
    assertThat(MapDatasets.withClasses(val, CLASSES)).isSameAs(val);
    SegmentationDataset moved =
        MapDatasets.withClasses(val, List.of("dog", "bird", "ground", "cat"));
    assertThat(moved.map(0).pixels()).containsExactly(2, 3, 0, 255, 3, 2);
    assertThat(moved.image(0).width()).isEqualTo(3);
    assertThat(moved.describe(0)).endsWith("a.b.png");
    assertThatThrownBy(() -> MapDatasets.withClasses(val, List.of("ground", "cat")))
        .hasMessageContaining("class 'dog' is none of ground, cat");
  }

  /** Grey of few bits as stored, where a picture's samples would be spread over 256. */
  @ParameterizedTest
  @CsvSource({"1", "2", "4", "8"})
  void greyMasksOfAnyDepth(int bits) throws IOException {
    int most = (1 << bits) - 1;
    WritableRaster raster = Raster.createPackedRaster(0, 3, 1, 1, bits, null);
    if (bits == 8) {
      raster = Raster.createInterleavedRaster(0, 3, 1, 1, null);
    }
    raster.setSample(1, 0, 0, 1);
    raster.setSample(2, 0, 0, most);
    ColorModel grey = ImageTypeSpecifier.createGrayscale(bits, 0, false).getColorModel();
    Path file = folder.resolve("grey.png");
    ImageIO.write(new BufferedImage(grey, raster, false, null), "png", file.toFile());
    assertThat(DECODER.readIndices(file).pixels()).containsExactly(0, 1, most);
  }

  @Test
  void wrongMasksAreNamed() throws IOException {
    assertThatThrownBy(this::masks)
        .isInstanceOf(DataException.class)
        .hasMessageContaining("a.b.png: has no mask; ")
        .hasMessageEndingWith("is missing");
    mask(Image.grey(3, 2, new byte[] {0, 0, 0, 0, 3, 0}));
    assertThatThrownBy(() -> masks().map(0))
        .isInstanceOf(DataException.class)
        .hasMessageContaining(
            "a.b.png: pixel (1, 1) has number 3; there are 3 classes from 0 (ground, cat, dog)");
    Path file = folder.resolve("masks/in/a.b.png");
    Files.write(file, PngEncoder.picture(Image.rgb(3, 2, new byte[18])));
    assertThatThrownBy(() -> masks().map(0))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining(
            "cannot be read as a mask: has 24 bits a pixel; a mask has a palette");
    ImageIO.write(new BufferedImage(3, 2, BufferedImage.TYPE_INT_RGB), "bmp", file.toFile());
    assertThatThrownBy(() -> masks().map(0)).hasMessageContaining("is BMP; a mask must be a PNG");
    assertThatThrownBy(
            () -> MaskDataset.open(folder.resolve("pictures"), folder, List.of("a", "a"), DECODER))
        .hasMessageContaining("two of its classes have one name: a, a");
    assertThatThrownBy(() -> MaskDataset.open(folder, DECODER))
        .hasMessageContaining("classes.txt: no such file; write the classes");
  }

  private CocoDataset coco(String annotations) throws IOException {
    return cocoOf(
        "{'info': {'x': [1, {}]}, 'annotations': ["
            + annotations
            + "], 'images': [{'id': 7, 'file_name': 'in/a.b.png', 'width': 3, 'height': 2}],"
            + "'categories': [{'id': 9, 'name': 'dog'}, {'id': 4, 'name': 'cat'}]}");
  }

  private CocoDataset cocoOf(String text) throws IOException {
    Files.writeString(folder.resolve("annotations.json"), text.replace('\'', '"'));
    return CocoDataset.open(folder, DECODER);
  }

  private static String annotation(int category, String segmentation, int crowd) {
    return "{'id': 1, 'image_id': 7, 'category_id': "
        + category
        + ", 'bbox': [0, 0.5, 2, 1], 'area': 1.5, 'iscrowd': "
        + crowd
        + ", 'segmentation': "
        + segmentation
        + "}";
  }

  /** Runs of both kinds, polygons, none at all; two classes over each other; a crowd. */
  @Test
  void cocoHasBoxesAndMaps() throws IOException {
    CocoDataset coco =
        coco(
            String.join(
                ",",
                annotation(4, "{'size': [2, 3], 'counts': [0, 3, 3]}", 0),
                annotation(9, "{'size': [2, 3], 'counts': '222'}", 0),
                annotation(9, "{'size': [2, 3], 'counts': [3, 3]}", 1),
                annotation(9, "[[0, 1, 1, 1, 1, 2, 0, 2]]", 0),
                "{'image_id': 7, 'category_id': 4, 'bbox': [2, 0, 0, 1]}"));
    assertThat(coco.classes()).containsExactly("cat", "dog");
    BoxList boxes = coco.boxes().boxes(0);
    assertThat(boxes.size()).isEqualTo(5);
    assertThat(boxes.bottom(0)).isEqualTo(1.5f);
    assertThat(boxes.right(0)).isEqualTo(2);
    assertThat(boxes.area(0)).isEqualTo(1.5f);
    assertThat(List.of(boxes.label(0), boxes.label(1), boxes.label(4))).containsExactly(0, 1, 0);
    assertThat(boxes.ignored(0)).isFalse();
    assertThat(boxes.ignored(2)).isTrue();
    assertThat(boxes.ignored(4)).isTrue();
    SegmentationDataset maps = coco.maps();
    assertThat(maps.classes()).containsExactly("background", "cat", "dog");
    // By columns: cat, both; both, dog; and the crowd.
    assertThat(maps.map(0).pixels())
        .containsExactly(1, (byte) 255, (byte) 255, (byte) 255, 2, (byte) 255);
    assertThat(maps.image(0).height()).isEqualTo(2);
    CocoDataset moved = coco.withClasses(List.of("dog", "bird", "cat"));
    assertThat(moved.boxes().boxes(0).label(0)).isEqualTo(2);
    assertThat(moved.maps().map(0).pixels()[0]).isEqualTo((byte) 3);
    assertThatThrownBy(() -> coco.withClasses(List.of("cat")))
        .hasMessageContaining("class 'dog' is none of cat");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "[]|is JSON of another kind; an object with 'images'",
        "{'images': [], 'annotations': [], 'categories': []}|is JSON of another kind",
        "{'images': {}}|'images' is no list",
        "{'images': [|is no JSON: line 1",
        "nonsense|is no JSON: line 1",
        "{'images': [3]}|images[0]: is no object",
        "{'images': [{'id': 1, 'file_name': 'x.png', 'width': 3, 'height': 2}]}|there is no"
            + " picture",
        "{'images': [{'id': 1, 'file_name': 'in/a.b.png', 'width': '3', 'height': 2}]}|'width' must"
            + " be",
        "{'categories': [{'id': 1, 'name': 'a'}, {'id': 1, 'name': 'b'}]}|another category has the"
            + " same",
        "{'categories': [{'id': 1, 'name': 'a'}, {'id': 2, 'name': 'a'}]}|is called 'a'",
      })
  void wrongFilesAreNamed(String text, String message) {
    assertThatThrownBy(() -> cocoOf(text))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith(folder.resolve("annotations.json") + ": ")
        .hasMessageContaining(message)
        .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "5|[]|there is no category of id 5",
        "4|{'size': [2, 3], 'counts': [0, 3]}|its runs have 3 pixels",
        "4|{'size': [3, 2], 'counts': [6]}|its runs are of 2 x 3 pixels, its image is 3 x 2",
        "4|{'size': [2, 3], 'counts': 'oooooooooo'}|compressed runs are damaged",
        "4|{'size': [2, 3], 'counts': [1.5, 4.5]}|a run is 1.5, not a whole number",
        "4|{'counts': [6]}|must be polygons, or 'size' and 'counts'",
        "4|[[1, 2, 3]]|a polygon is x and y",
        "4|[['x', 2, 3, 4, 5, 6]]|a coordinate is",
      })
  void wrongAnnotationsAreNamed(int category, String segmentation, String message) {
    assertThatThrownBy(() -> coco(annotation(category, segmentation, 0)))
        .isInstanceOf(DataException.class)
        .hasMessageStartingWith(folder.resolve("annotations.json") + ": annotations[0]: ")
        .hasMessageContaining(message);
  }

  @Test
  void aPictureOfAnotherSizeIsNamed() throws IOException {
    CocoDataset coco = coco(annotation(4, "[]", 0));
    Files.write(
        folder.resolve("pictures/in/a.b.png"), PngEncoder.picture(Image.rgb(2, 2, new byte[12])));
    assertThatThrownBy(() -> coco.boxes().image(0))
        .isInstanceOf(ImageException.class)
        .hasMessageContaining("is 2 x 2 RGB, its annotations are of 3 x 2 pixels");
    assertThatThrownBy(() -> CocoDataset.open(folder.resolve("none"), folder, DECODER))
        .hasMessageContaining("none: no such file");
  }
}
