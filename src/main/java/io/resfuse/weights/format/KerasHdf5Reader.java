package io.resfuse.weights.format;

import io.jhdf.HdfFile;
import io.jhdf.api.Attribute;
import io.jhdf.api.Dataset;
import io.jhdf.api.Group;
import io.jhdf.api.Node;
import io.jhdf.api.dataset.ChunkedDataset;
import io.jhdf.api.dataset.ContiguousDataset;
import io.jhdf.filter.PipelineFilterWithData;
import io.jhdf.object.datatype.FixedPoint;
import io.jhdf.object.datatype.FloatingPoint;
import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import org.jspecify.annotations.Nullable;

/**
 * Reads Keras's HDF5 files through jHDF: {@code save_weights} has a group per layer, named by the
 * attribute {@code layer_names}, with its tensors named by the group's {@code weight_names}; {@code
 * save} has the same under {@code model_weights} and the topology as {@code model_config}. Tensors
 * are called as in TensorFlow.js, {@code layer/variable}.
 *
 * <p>The file is handed to jHDF as memory, so that it cannot open others; links are refused.
 */
final class KerasHdf5Reader {
  private static final long ALWAYS_ALLOWED = 64L << 20;
  private static final long MAX_RATIO = 20;
  private static final int MAX_NAMES = 100_000;

  /** HDF5's numbers of its filters, in the order in which writers apply them. */
  private static final int SHUFFLE = 2;

  private static final int DEFLATE = 1;
  private static final int FLETCHER32 = 3;
  private static final int CHECKSUM_BYTES = 4;
  private static final List<Integer> FILTERS = List.of(SHUFFLE, DEFLATE, FLETCHER32);

  private final MappedFile file;
  private final Path path;
  private final Map<String, StoredTensor> tensors = new LinkedHashMap<>();
  private long total;

  private KerasHdf5Reader(MappedFile file) {
    this.file = file;
    this.path = file.path();
  }

  static TensorFile read(MappedFile file) {
    ByteBuffer bytes = file.slice(0, file.size());
    checkLength(file, bytes);
    try (HdfFile hdf = HdfFile.fromByteBuffer(bytes)) {
      return new KerasHdf5Reader(file).read(hdf);
    } catch (WeightsException e) {
      throw e;
    } catch (RuntimeException | StackOverflowError e) {
      // jHDF follows the file's own pointers, which may lead in circles.
      String reason = String.valueOf(e.getMessage()).lines().findFirst().orElse("");
      throw new WeightsException(
          file.path()
              + ": its HDF5 structure is damaged ("
              + RestrictedUnpickler.printable(reason)
              + "); get it again",
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

  private TensorFile read(HdfFile hdf) {
    Group root = hdf;
    Node nested = hdf.getChild("model_weights");
    if (nested != null) {
      root = group(nested);
    }
    List<String> layers = names(root, "layer_names");
    if (layers == null) {
      throw WeightsException.of(
          path,
          "it is HDF5, but has no layer_names as Keras's weight files have",
          "write it with model.save_weights('x.h5') or model.save('x.h5') of TensorFlow 2");
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
        add(name(layer, weight), dataset);
      }
    }
    return new TensorFile(path, WeightFormat.KERAS_HDF5, topology(hdf), tensors);
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

  private void add(String name, Dataset dataset) {
    DataType type = type(name, dataset.getDataType());
    Shape shape = StoredShapes.checked(path, name, toLongs(dataset.getDimensions()));
    long bytes = shape.elements() * type.bytes();
    total += bytes;
    if (total > Math.max(ALWAYS_ALLOWED, MAX_RATIO * file.size())) {
      throw WeightsException.of(
          path,
          "its tensors would have more than " + total + " bytes, far more than the file can hold",
          "do not trust this file");
    }
    HostTensor loaded = bytes == 0 ? HostTensor.zeros(shape) : load(name, dataset, type, shape);
    if (tensors.put(name, new StoredTensor(name, type, shape, () -> loaded)) != null) {
      throw corrupt("two tensors are named '" + RestrictedUnpickler.printable(name) + "'");
    }
  }

  private DataType type(String name, io.jhdf.object.datatype.DataType type) {
    if (type instanceof FloatingPoint) {
      switch (type.getSize()) {
        case 2 -> {
          return DataType.FLOAT16;
        }
        case 4 -> {
          return DataType.FLOAT32;
        }
        case 8 -> {
          return DataType.FLOAT64;
        }
        default -> {
          // Refused below.
        }
      }
    }
    if (type instanceof FixedPoint fixed) {
      switch (type.getSize()) {
        case 1 -> {
          return fixed.isSigned() ? DataType.INT8 : DataType.UINT8;
        }
        case 4 -> {
          return DataType.INT32;
        }
        case 8 -> {
          return DataType.INT64;
        }
        default -> {
          // Refused below.
        }
      }
    }
    throw WeightsException.of(
        path,
        "tensor '" + RestrictedUnpickler.printable(name) + "' has elements of " + type,
        "use float32 weights");
  }

  private HostTensor load(String name, Dataset dataset, DataType type, Shape shape) {
    ByteOrder order =
        dataset.getDataType() instanceof FloatingPoint floating
            ? floating.getByteOrder()
            : ((FixedPoint) dataset.getDataType()).getByteOrder();
    if (dataset instanceof ContiguousDataset contiguous) {
      ByteBuffer raw = contiguous.getBuffer();
      if (raw.remaining() < shape.elements() * type.bytes()) {
        throw corrupt("tensor '" + RestrictedUnpickler.printable(name) + "' is cut short");
      }
      ByteBuffer exact = raw.slice(raw.position(), (int) shape.elements() * type.bytes());
      return RawElements.dense(shape, type, exact.order(order));
    }
    if (type != DataType.FLOAT32) {
      throw WeightsException.of(
          path,
          "tensor '" + RestrictedUnpickler.printable(name) + "' is stored in chunks of " + type,
          "write it without compression, or as float32");
    }
    if (dataset instanceof ChunkedDataset chunked) {
      checkChunks(name, chunked, shape, type);
    }
    return HostTensor.of(shape, (float[]) dataset.getDataFlat());
  }

  /** jHDF inflates a chunk whatever its size becomes: make sure first that it is the chunk's. */
  private void checkChunks(String name, ChunkedDataset dataset, Shape shape, DataType type) {
    List<Integer> filters =
        dataset.getFilters().stream().map(PipelineFilterWithData::getId).toList();
    if (!FILTERS.stream().filter(filters::contains).toList().equals(filters)) {
      throw WeightsException.of(
          path,
          "tensor '" + RestrictedUnpickler.printable(name) + "' is packed with " + filters,
          "use no compression, or gzip with or without shuffle");
    }
    int[] chunk = dataset.getChunkDimensions();
    if (chunk.length != shape.rank() || Arrays.stream(chunk).anyMatch(size -> size < 1)) {
      throw corrupt("tensor '" + RestrictedUnpickler.printable(name) + "' has odd chunks");
    }
    long bytes = StoredShapes.checked(path, name, toLongs(chunk)).elements() * type.bytes();
    if (bytes > Math.max(ALWAYS_ALLOWED, MAX_RATIO * file.size())) {
      throw corrupt("tensor '" + RestrictedUnpickler.printable(name) + "' has too large chunks");
    }
    if (!filters.contains(DEFLATE)) {
      return;
    }
    int[] offset = new int[chunk.length];
    boolean more = true;
    while (more) {
      // Throws where there is no such chunk, so that there are no more rounds than chunks.
      checkInflates(name, dataset.getRawChunkBuffer(offset.clone()), bytes);
      more = false;
      for (int axis = chunk.length - 1; axis >= 0 && !more; axis--) {
        more = offset[axis] < shape.dimension(axis) - chunk[axis];
        offset[axis] = more ? offset[axis] + chunk[axis] : 0;
      }
    }
  }

  private void checkInflates(String name, ByteBuffer packed, long bytes) {
    Inflater inflater = new Inflater();
    byte[] discarded = new byte[1 << 14];
    long count = 0;
    try {
      inflater.setInput(packed);
      while (!inflater.finished() && count <= bytes + CHECKSUM_BYTES) {
        int n = inflater.inflate(discarded);
        if (n == 0 && !inflater.finished()) {
          throw new DataFormatException("the chunk ends early");
        }
        count += n;
      }
    } catch (DataFormatException e) {
      throw corrupt(
          "tensor '"
              + RestrictedUnpickler.printable(name)
              + "' has a damaged chunk ("
              + e.getMessage()
              + ")");
    } finally {
      inflater.end();
    }
    if (count > bytes + CHECKSUM_BYTES) {
      throw WeightsException.of(
          path,
          "tensor '"
              + RestrictedUnpickler.printable(name)
              + "' has a chunk that unpacks to more than its "
              + bytes
              + " bytes",
          "do not trust this file");
    }
  }

  private static long[] toLongs(int[] sizes) {
    return Arrays.stream(sizes).asLongStream().toArray();
  }

  private WeightsException corrupt(String found) {
    return WeightsException.corrupt(path, found);
  }
}
