package io.resfuse.data.scene;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.resfuse.data.DataException;
import io.resfuse.data.dataset.CocoDataset;
import io.resfuse.data.dataset.MaskDataset;
import io.resfuse.data.dataset.RunLengths;
import io.resfuse.data.image.PngEncoder;
import io.resfuse.detect.BoxList;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.WholeFile;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.Stream;

/**
 * Writes scenes to a folder: {@code pictures/000000.png}, {@code masks/000000.png} and so on,
 * {@code classes.txt} with the masks' classes, and at last {@code annotations.json}, as COCO has
 * it: where that is, the folder is complete. {@link MaskDataset} and {@link CocoDataset} read it.
 */
public final class SceneWriter {
  private SceneWriter() {}

  /**
   * Writes all scenes.
   *
   * @param scenes to be written
   * @param folder is made; must be empty if it is there
   * @param progress hears how many scenes there are so far
   * @throws DataException if the folder is not empty, or cannot be written to
   */
  public static void write(Scenes scenes, Path folder, IntConsumer progress) {
    try {
      Path pictures = folder.resolve(MaskDataset.PICTURES);
      Path masks = folder.resolve(MaskDataset.MASKS);
      Files.createDirectories(folder);
      try (Stream<Path> entries = Files.list(folder)) {
        if (entries.findAny().isPresent()) {
          throw new DataException(
              FileNames.shown(folder) + ": is not empty; name another folder, or remove it");
        }
      }
      Files.createDirectories(pictures);
      Files.createDirectories(masks);
      List<String> classes = scenes.maps().classes();
      WholeFile.write(
          folder.resolve(MaskDataset.CLASSES),
          (String.join("\n", classes) + "\n").getBytes(StandardCharsets.UTF_8));
      WholeFile.write(
          folder.resolve(CocoDataset.ANNOTATIONS),
          channel -> {
            try (JsonGenerator json =
                new JsonFactory()
                    .disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET)
                    .createGenerator(Channels.newOutputStream(channel))) {
              annotations(scenes, pictures, masks, json, progress);
            }
          });
    } catch (FileAlreadyExistsException e) {
      throw new DataException(FileNames.shown(folder) + ": is a file; name a folder", e);
    } catch (IOException e) {
      throw new DataException(FileNames.shown(folder) + ": cannot be written: " + e, e);
    }
  }

  private static String fileName(int index) {
    return "%06d.png".formatted(index);
  }

  /** Writes the pictures and masks on the way, so that each scene is composed once. */
  private static void annotations(
      Scenes scenes, Path pictures, Path masks, JsonGenerator json, IntConsumer progress)
      throws IOException {
    json.writeStartObject();
    json.writeArrayFieldStart("images");
    for (int i = 0; i < scenes.count(); i++) {
      json.writeStartObject();
      json.writeNumberField("id", i + 1);
      json.writeStringField("file_name", fileName(i));
      json.writeNumberField("width", scenes.size());
      json.writeNumberField("height", scenes.size());
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeArrayFieldStart("categories");
    for (int i = 0; i < scenes.classes().size(); i++) {
      json.writeStartObject();
      json.writeNumberField("id", i + 1);
      json.writeStringField("name", scenes.classes().get(i));
      json.writeEndObject();
    }
    json.writeEndArray();
    json.writeArrayFieldStart("annotations");
    int id = 0;
    for (int i = 0; i < scenes.count(); i++) {
      Scene scene = scenes.scene(i);
      WholeFile.write(pictures.resolve(fileName(i)), PngEncoder.picture(scene.picture()));
      WholeFile.write(masks.resolve(fileName(i)), PngEncoder.mask(scene.map()));
      for (int garment = 0; garment < scene.garments().size(); garment++) {
        annotation(json, scene, garment, ++id, i + 1);
      }
      progress.accept(i + 1);
    }
    json.writeEndArray();
    json.writeEndObject();
  }

  private static void annotation(JsonGenerator json, Scene scene, int garment, int id, int image)
      throws IOException {
    BoxList garments = scene.garments();
    int left = (int) garments.left(garment);
    int top = (int) garments.top(garment);
    int width = (int) garments.right(garment) - left;
    int height = (int) garments.bottom(garment) - top;
    byte[] owners = scene.owners().pixels();
    RunLengths runs =
        RunLengths.of(
            scene.owners().height(), scene.owners().width(), at -> owners[at] == garment + 1);
    json.writeStartObject();
    json.writeNumberField("id", id);
    json.writeNumberField("image_id", image);
    json.writeNumberField("category_id", garments.label(garment) + 1);
    json.writeFieldName("bbox");
    json.writeArray(new int[] {left, top, width, height}, 0, 4);
    json.writeNumberField("area", runs.area());
    json.writeNumberField("iscrowd", 0);
    json.writeObjectFieldStart("segmentation");
    json.writeFieldName("size");
    json.writeArray(new int[] {scene.owners().height(), scene.owners().width()}, 0, 2);
    json.writeFieldName("counts");
    int[] counts = runs.counts();
    json.writeArray(counts, 0, counts.length);
    json.writeEndObject();
    json.writeEndObject();
  }
}
