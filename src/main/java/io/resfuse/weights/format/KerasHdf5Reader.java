package io.resfuse.weights.format;

import io.jhdf.HdfFile;
import io.jhdf.api.Attribute;
import io.jhdf.api.Dataset;
import io.jhdf.api.Group;
import io.jhdf.api.Node;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads Keras's HDF5 files through jHDF: {@code save_weights} has a group per layer, named by the
 * attribute {@code layer_names}, with its tensors named by the group's {@code weight_names}; {@code
 * save} has the same under {@code model_weights} and the topology as {@code model_config}. Keras 3
 * has {@link Keras3Layout} instead. Tensors are called as in TensorFlow.js, {@code layer/variable}.
 *
 * <p>The file is handed to jHDF as memory, so that it cannot open others; links are refused.
 */
final class KerasHdf5Reader {
  private static final int MAX_NAMES = 100_000;

  private final MappedFile file;
  private final Path path;
  private final Hdf5Tensors tensors;

  private KerasHdf5Reader(MappedFile file) {
    this.file = file;
    this.path = file.path();
    this.tensors = new Hdf5Tensors(file);
  }

  static TensorFile read(MappedFile file) {
    return read(file, Map.of());
  }

  /**
   * Reads a file.
   *
   * @param config of the model in whose archive the file was; empty if it was in none
   */
  static TensorFile read(MappedFile file, Map<String, @Nullable Object> config) {
    ByteBuffer bytes = file.slice(0, file.size());
    checkLength(file, bytes);
    try (HdfFile hdf = HdfFile.fromByteBuffer(bytes)) {
      return new KerasHdf5Reader(file).read(hdf, config);
    } catch (WeightsException e) {
      throw e;
    } catch (RuntimeException | StackOverflowError e) {
      // jHDF follows the file's own pointers, which may lead in circles.
      String reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
      throw new WeightsException(
          file.path()
              + ": its HDF5 structure is damaged, or has what is not read here, such as bfloat16 ("
              + RestrictedUnpickler.printable(reason)
              + "); get it again, or save it in float32",
          e);
    }
  }

  /** The superblock says where the file ends; a truncated one may look whole else. */
  private static void checkLength(MappedFile file, ByteBuffer bytes) {
    if (bytes.remaining() < 56) {
      throw WeightsException.corrupt(file.path(), "its HDF5 superblock is cut short");
    }
    int version = bytes.get(8);
    boolean offsetsOf8 = bytes.get(version < 2 ? 13 : 9) == 8;
    long end =
        switch (version) {
          case 0 -> bytes.getLong(40);
          case 1 -> bytes.getLong(44);
          default -> bytes.getLong(28);
        };
    if (offsetsOf8 && (end < 0 || end > file.size())) {
      throw WeightsException.corrupt(
          file.path(), "it has " + file.size() + " bytes, but should have " + end);
    }
  }

  private TensorFile read(HdfFile hdf, Map<String, @Nullable Object> config) {
    Group root = hdf;
    Node nested = hdf.getChild("model_weights");
    if (nested != null) {
      root = group(nested);
    }
    List<String> layers = names(root, "layer_names");
    if (layers == null && Keras3Layout.isOne(hdf)) {
      new Keras3Layout(path, KerasTopology.names(config), tensors).read(hdf);
      return new TensorFile(path, WeightFormat.KERAS_3, KerasTopology.read(config), tensors.all());
    }
    if (layers == null) {
      throw WeightsException.of(
          path,
          "it is HDF5, but has neither layer_names nor layers as Keras's weight files have",
          "write it with Keras's model.save('model.keras') or model.save_weights('model.weights.h5')");
    }
    for (String layer : layers) {
      Group group = group(child(root, layer));
      List<String> weights = names(group, "weight_names");
      for (String weight : weights == null ? List.<String>of() : weights) {
        Node node = group;
        for (String part : weight.split("/", -1)) {
          node = child(group(node), part);
        }
        if (!(node instanceof Dataset dataset)) {
          throw corrupt("'" + RestrictedUnpickler.printable(weight) + "' is no data set");
        }
        tensors.add(name(layer, weight), dataset);
      }
    }
    return new TensorFile(path, WeightFormat.KERAS_HDF5, topology(hdf), tensors.all());
  }

  /** {@code conv1/kernel:0} stays but for the colon; {@code kernel:0} gets its layer's name. */
  private static String name(String layer, String weight) {
    String name = weight.replaceFirst(":[0-9]+$", "");
    return name.contains("/") ? name : layer + "/" + name;
  }

  private Node child(Group group, String name) {
    Node child = group.getChild(name);
    if (child == null) {
      throw corrupt(
          "there is no '" + RestrictedUnpickler.printable(name) + "' in " + group.getPath());
    }
    if (child.isLink()) {
      throw WeightsException.of(
          path,
          "'" + RestrictedUnpickler.printable(name) + "' is a link to elsewhere",
          "write the file without soft and external links");
    }
    return child;
  }

  private Group group(Node node) {
    if (node.isLink() || !(node instanceof Group group)) {
      throw corrupt("'" + RestrictedUnpickler.printable(node.getName()) + "' is no group");
    }
    return group;
  }

  /** A list of names; Keras cuts long ones into {@code name0}, {@code name1}, ... */
  private @Nullable List<String> names(Group group, String attribute) {
    List<String> names = strings(group.getAttribute(attribute));
    if (names != null) {
      return names;
    }
    for (int i = 0; i < MAX_NAMES; i++) {
      List<String> part = strings(group.getAttribute(attribute + i));
      if (part == null) {
        break;
      }
      if (names == null) {
        names = new ArrayList<>();
      }
      names.addAll(part);
    }
    return names;
  }

  private @Nullable List<String> strings(@Nullable Attribute attribute) {
    if (attribute == null) {
      return null;
    }
    if (attribute.isEmpty() || attribute.getSize() == 0) {
      return List.of();
    }
    if (attribute.getSize() > MAX_NAMES || attribute.getSizeInBytes() > file.size()) {
      throw corrupt("its attribute " + attribute.getName() + " is larger than the file");
    }
    Object data = attribute.getData();
    if (data instanceof String one) {
      return List.of(one);
    }
    if (data instanceof String[] many) {
      return Arrays.asList(many);
    }
    // An empty list of a layer without weights is one of numbers.
    return List.of();
  }

  private Map<String, String> topology(HdfFile hdf) {
    List<String> config = strings(hdf.getAttribute("model_config"));
    if (config == null || config.size() != 1) {
      return Map.of();
    }
    try {
      return KerasTopology.read(Json.parseObject(config.get(0)));
    } catch (IOException e) {
      throw corrupt("its model_config is not valid JSON (" + Json.reason(e) + ")");
    }
  }

  private WeightsException corrupt(String found) {
    return WeightsException.corrupt(path, found);
  }
}
