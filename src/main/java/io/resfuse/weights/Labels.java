package io.resfuse.weights;

import io.resfuse.weights.format.WeightsException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;

/** Names of classes, in the order of a network's outputs. Stateless. */
public final class Labels {
  private static final String IMAGENET = "imagenet-labels.txt";
  private static final long MAX_BYTES = 16L << 20;

  private static final List<String> VOC =
      List.of(
          "background",
          "aeroplane",
          "bicycle",
          "bird",
          "boat",
          "bottle",
          "bus",
          "car",
          "cat",
          "chair",
          "cow",
          "diningtable",
          "dog",
          "horse",
          "motorbike",
          "person",
          "pottedplant",
          "sheep",
          "sofa",
          "train",
          "tvmonitor");

  private Labels() {}

  /**
   * The names of PASCAL VOC's classes in the order of its masks, that of torchvision's segmentation
   * networks.
   *
   * @return 21 names, the background first
   */
  public static List<String> voc() {
    return VOC;
  }

  /**
   * The names of ImageNet's classes in the usual order, as {@code resnet50-imagenet} has them.
   *
   * @return 1000 names
   */
  public static List<String> imageNet() {
    try (InputStream stream = Labels.class.getResourceAsStream(IMAGENET)) {
      if (stream == null) {
        throw new IllegalStateException(IMAGENET + " is missing in the library");
      }
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8).lines().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Reads a list of names.
   *
   * @param file a text in UTF-8, one name per line; empty lines at its end do not count
   * @return the names, without spaces around them
   * @throws WeightsException if it cannot be read, is no text, or has an empty line between names
   */
  public static List<String> read(Path file) {
    List<String> lines = text(file).stripTrailing().lines().map(String::strip).toList();
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).isEmpty()) {
        throw WeightsException.of(
            file, "line " + (i + 1) + " is empty", "give one name per line, for every class");
      }
    }
    if (lines.isEmpty()) {
      throw WeightsException.of(file, "it has no names", "give one name per line");
    }
    return lines;
  }

  private static String text(Path file) {
    try {
      if (Files.isDirectory(file)) {
        throw WeightsException.of(file, "it is a folder", "name a text file");
      }
      if (Files.size(file) > MAX_BYTES) {
        throw WeightsException.of(
            file, "it has " + Files.size(file) + " bytes", "give a text with one name per line");
      }
      String text =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(Files.readAllBytes(file)))
              .toString();
      return text.startsWith("\ufeff") ? text.substring(1) : text;
    } catch (NoSuchFileException e) {
      throw new WeightsException(file + ": there is no such file; check the path", e);
    } catch (CharacterCodingException e) {
      throw new WeightsException(
          file + ": it is no text in UTF-8; give a text with one name per line", e);
    } catch (IOException e) {
      throw new WeightsException(file + ": it cannot be read (" + e.getMessage() + ")", e);
    }
  }
}
