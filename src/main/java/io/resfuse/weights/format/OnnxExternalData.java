package io.resfuse.weights.format;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The files beside an ONNX model in which it has tensors. Only regular files in the model's folder
 * or below it are opened: a location that is absolute, has {@code ..} in it, or leads through a
 * link is refused. Thread-safe.
 */
final class OnnxExternalData {
  private final Path model;
  private final Map<String, MappedFile> files = new ConcurrentHashMap<>();

  OnnxExternalData(Path model) {
    this.model = model;
  }

  /**
   * Where a tensor is.
   *
   * @param location of the file, relative to the model's folder
   * @param offset of its first byte
   * @param length of its bytes, or -1 if that is not stated
   */
  record Place(String location, long offset, long length) {}

  /**
   * Reads what the entries of a tensor's {@code external_data} say. A checksum is not looked at.
   */
  Place place(String tensor, Map<String, String> entries) {
    String location = entries.get("location");
    if (location == null) {
      throw WeightsException.corrupt(
          model, "tensor '" + tensor + "' is external, but has no location");
    }
    if (entries.values().stream().anyMatch(OnnxExternalData::hasControls)) {
      throw WeightsException.corrupt(
          model, "tensor '" + tensor + "' is external with control characters in its place");
    }
    checkName(tensor, location);
    return new Place(
        location, number(tensor, entries, "offset", 0), number(tensor, entries, "length", -1));
  }

  private static boolean hasControls(String text) {
    return text.chars().anyMatch(Character::isISOControl);
  }

  private long number(String tensor, Map<String, String> entries, String key, long otherwise) {
    String text = entries.get(key);
    if (text == null) {
      return otherwise;
    }
    if (!text.matches("[0-9]{1,18}")) {
      throw WeightsException.corrupt(
          model, "tensor '" + tensor + "' is external with the " + key + " '" + text + "'");
    }
    return Long.parseLong(text);
  }

  /** The bytes of a tensor. */
  ByteBuffer read(String tensor, Place place, long bytes) {
    if (place.length >= 0 && place.length != bytes) {
      throw WeightsException.corrupt(
          model,
          "tensor '" + tensor + "' needs " + bytes + " external bytes, but has " + place.length);
    }
    return files.computeIfAbsent(place.location, this::open).slice(place.offset, bytes);
  }

  private void checkName(String tensor, String location) {
    if (location.isEmpty()
        || location.startsWith("/")
        || ("/" + location + "/").contains("/../")
        || location.contains("\\")
        || location.indexOf(':') >= 0) {
      throw WeightsException.of(
          model,
          "tensor '" + tensor + "' is in the file '" + location + "', which is not beside it",
          "do not trust this model");
    }
  }

  private MappedFile open(String location) {
    Path folder = model.toAbsolutePath().getParent();
    Path file = folder;
    for (String part : location.split("/", -1)) {
      file = file.resolve(part);
      if (Files.isSymbolicLink(file)) {
        throw WeightsException.of(
            model,
            "its weights are in '" + location + "', which is a link or behind one",
            "put the file itself there");
      }
    }
    if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      throw WeightsException.of(
          model,
          "its weights are in '" + location + "', which is not there",
          "put that file beside the model");
    }
    return MappedFile.open(file);
  }
}
