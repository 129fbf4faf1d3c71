package io.resfuse.data.dataset;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.data.DataException;
import io.resfuse.detect.BoxList;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Printable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Reads COCO's JSON, record after record, so that a large file needs no tree of all of it. */
final class CocoReader {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  private final Path file;
  private final Path pictures;
  private final Map<Long, CocoDataset.Entry> images = new LinkedHashMap<>();
  private final Map<Long, String> categories = new TreeMap<>();

  /** Labels are positions among these, which the ids of categories are found by. */
  private final Map<Long, Integer> positions = new HashMap<>();

  private final List<Annotation> annotations = new ArrayList<>();

  /** What the annotation is of is looked up when all of the file is read. */
  private record Annotation(
      String name, long image, long category, Box box, float area, boolean crowd, Shape shape) {}

  /** As COCO has it. */
  private record Box(float left, float top, float width, float height) {}

  /** Runs or polygons, to be checked when the picture's size is known. */
  @FunctionalInterface
  private interface Shape {
    Region of(CocoDataset.Entry image);
  }

  CocoReader(Path file, Path pictures) {
    this.file = file;
    this.pictures = pictures;
  }

  /** Reads all of it. */
  void read() {
    boolean hasImages = false;
    boolean hasAnnotations = false;
    try (InputStream stream = Files.newInputStream(file);
        JsonParser parser = MAPPER.getFactory().createParser(stream)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        throw problem("is JSON of another kind");
      }
      for (String part = parser.nextFieldName(); part != null; part = parser.nextFieldName()) {
        JsonToken token = parser.nextToken();
        switch (part) {
          case "images" -> {
            hasImages = true;
            readAll(parser, part, token, this::image);
          }
          case "categories" -> readAll(parser, part, token, this::category);
          case "annotations" -> {
            hasAnnotations = true;
            readAll(parser, part, token, this::annotation);
          }
          default -> parser.skipChildren();
        }
      }
      if (parser.currentToken() != JsonToken.END_OBJECT) {
        throw problem("ends early");
      }
    } catch (NoSuchFileException e) {
      throw new DataException(FileNames.shown(file) + ": no such file", e);
    } catch (JsonProcessingException e) {
      throw new DataException(
          "%s: is no JSON: line %d: %s"
              .formatted(
                  FileNames.shown(file),
                  e.getLocation() == null ? 1 : e.getLocation().getLineNr(),
                  Printable.of(e.getOriginalMessage().lines().findFirst().orElse(""))),
          e);
    } catch (IOException e) {
      throw new DataException(FileNames.shown(file) + ": cannot be read: " + e, e);
    }
    if (!hasImages || !hasAnnotations || categories.isEmpty() || images.isEmpty()) {
      throw problem("is JSON of another kind");
    }
    categories.keySet().forEach(id -> positions.put(id, positions.size()));
    annotations.forEach(this::place);
  }

  /** The names of the categories, by their ids. */
  List<String> classes() {
    return List.copyOf(categories.values());
  }

  List<CocoDataset.Entry> entries() {
    return List.copyOf(images.values());
  }

  private DataException problem(String what) {
    return new DataException(
        "%s: %s; an object with 'images', 'categories' and 'annotations' is needed, as COCO's instances"
            .formatted(FileNames.shown(file), what));
  }

  private DataException wrong(String record, String what) {
    return new DataException(
        "%s: %s: %s".formatted(FileNames.shown(file), Printable.of(record), Printable.of(what)));
  }

  @FunctionalInterface
  private interface Taker {
    void take(String name, JsonNode node);
  }

  private void readAll(JsonParser parser, String part, JsonToken token, Taker taker)
      throws IOException {
    if (token != JsonToken.START_ARRAY) {
      throw problem("'" + part + "' is no list");
    }
    for (int i = 0; parser.nextToken() != JsonToken.END_ARRAY; i++) {
      JsonNode node = MAPPER.readTree(parser);
      String name = part + "[" + i + "]";
      if (!node.isObject()) {
        throw wrong(name, "is no object");
      }
      taker.take(name, node);
    }
  }

  private void image(String name, JsonNode node) {
    int width = whole(name, node, "width");
    int height = whole(name, node, "height");
    String text = text(name, node, "file_name");
    if (width < 1 || height < 1 || (long) width * height > Integer.MAX_VALUE) {
      throw wrong(name, "has %d x %d pixels".formatted(width, height));
    }
    Path picture;
    try {
      picture = FileNames.in(pictures, text);
    } catch (IllegalArgumentException e) {
      throw wrong(name, e.getMessage());
    }
    if (!Files.isRegularFile(picture)) {
      throw wrong(name, "there is no picture " + FileNames.text(picture));
    }
    CocoDataset.Entry entry =
        new CocoDataset.Entry(picture, width, height, new BoxList(), new ArrayList<>());
    if (images.put(id(name, node, "id"), entry) != null) {
      throw wrong(name, "another image has the same id");
    }
  }

  private void category(String name, JsonNode node) {
    String category = text(name, node, "name");
    if (categories.containsValue(category)) {
      throw wrong(name, "another category is called '" + category + "', too");
    }
    if (categories.put(id(name, node, "id"), category) != null) {
      throw wrong(name, "another category has the same id");
    }
  }

  private void annotation(String name, JsonNode node) {
    JsonNode box = node.path("bbox");
    if (!box.isArray() || box.size() != 4) {
      throw wrong(name, "'bbox' must be left, top, width and height");
    }
    float[] numbers = numbers(name, box);
    Box place = new Box(numbers[0], numbers[1], numbers[2], numbers[3]);
    if (place.width < 0 || place.height < 0) {
      throw wrong(name, "'bbox' has width %s and height %s".formatted(place.width, place.height));
    }
    JsonNode area = node.path("area");
    annotations.add(
        new Annotation(
            name,
            id(name, node, "image_id"),
            id(name, node, "category_id"),
            place,
            area.isNumber() ? area.floatValue() : place.width * place.height,
            node.path("iscrowd").asInt(0) != 0 || node.path("iscrowd").asBoolean(false),
            shape(name, node.path("segmentation"), place)));
  }

  /** Without a segmentation the box is all that is known. */
  private Shape shape(String name, JsonNode node, Box box) {
    if (node.isMissingNode() || node.isNull() || (node.isArray() && node.isEmpty())) {
      float right = box.left + box.width;
      float bottom = box.top + box.height;
      float[] corners = {box.left, box.top, right, box.top, right, bottom, box.left, bottom};
      return image -> new Polygons(List.of(corners));
    }
    if (node.isArray()) {
      List<float[]> corners = new ArrayList<>();
      for (JsonNode polygon : node) {
        corners.add(numbers(name, polygon));
      }
      Region polygons = region(name, () -> new Polygons(corners));
      return image -> polygons;
    }
    JsonNode size = node.path("size");
    JsonNode counts = node.path("counts");
    if (size.size() != 2 || !(counts.isTextual() || counts.isArray())) {
      throw wrong(name, "'segmentation' must be polygons, or 'size' and 'counts' of runs");
    }
    int height = size.get(0).asInt();
    int width = size.get(1).asInt();
    Region runs =
        region(
            name,
            () ->
                counts.isTextual()
                    ? RunLengths.parse(height, width, counts.textValue())
                    : new RunLengths(height, width, runs(counts)));
    return image -> {
      if (height != image.height() || width != image.width()) {
        throw wrong(
            name,
            "its runs are of %d x %d pixels, its image is %d x %d"
                .formatted(width, height, image.width(), image.height()));
      }
      return runs;
    };
  }

  @FunctionalInterface
  private interface Making {
    Region make();
  }

  private Region region(String name, Making making) {
    try {
      return making.make();
    } catch (IllegalArgumentException e) {
      throw wrong(name, "'segmentation': " + e.getMessage());
    }
  }

  private static int[] runs(JsonNode counts) {
    int[] runs = new int[counts.size()];
    for (int i = 0; i < runs.length; i++) {
      if (!counts.get(i).canConvertToInt() || !counts.get(i).isIntegralNumber()) {
        throw new IllegalArgumentException("a run is " + counts.get(i) + ", not a whole number");
      }
      runs[i] = counts.get(i).intValue();
    }
    return runs;
  }

  private void place(Annotation annotation) {
    CocoDataset.Entry image = images.get(annotation.image);
    if (image == null) {
      throw wrong(annotation.name, "there is no image of id " + annotation.image);
    }
    Integer label = positions.get(annotation.category);
    if (label == null) {
      throw wrong(annotation.name, "there is no category of id " + annotation.category);
    }
    Box box = annotation.box;
    // What has no extent cannot be found; COCO has a few.
    boolean empty = !(box.width > 0 && box.height > 0);
    image
        .boxes()
        .add(
            box.left,
            box.top,
            box.left + box.width,
            box.top + box.height,
            label,
            annotation.area,
            annotation.crowd || empty);
    image.regions().add(annotation.shape.of(image));
  }

  private float[] numbers(String name, JsonNode array) {
    float[] numbers = new float[array.size()];
    for (int i = 0; i < numbers.length; i++) {
      JsonNode number = array.get(i);
      if (number == null || !number.isNumber() || !Float.isFinite(number.floatValue())) {
        throw wrong(name, "a coordinate is " + number + ", not a number");
      }
      numbers[i] = number.floatValue();
    }
    return numbers;
  }

  private int whole(String name, JsonNode node, String field) {
    JsonNode number = node.path(field);
    if (!number.isIntegralNumber() || !number.canConvertToInt()) {
      throw wrong(name, "'" + field + "' must be a whole number");
    }
    return number.intValue();
  }

  private long id(String name, JsonNode node, String field) {
    JsonNode number = node.path(field);
    if (!number.isIntegralNumber() || !number.canConvertToLong()) {
      throw wrong(name, "'" + field + "' must be a whole number");
    }
    return number.longValue();
  }

  private String text(String name, JsonNode node, String field) {
    if (!node.path(field).isTextual()) {
      throw wrong(name, "'" + field + "' must be a text");
    }
    return node.path(field).textValue();
  }
}
