package io.resfuse.weights.format;

import io.jhdf.api.Dataset;
import io.jhdf.api.dataset.ChunkedDataset;
import io.jhdf.api.dataset.ContiguousDataset;
import io.jhdf.filter.PipelineFilterWithData;
import io.jhdf.object.datatype.FixedPoint;
import io.jhdf.object.datatype.FloatingPoint;
import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * Data sets of an HDF5 file as tensors. Together they may have 20 times the file's bytes, or 64
 * MiB: chunks can be compressed.
 */
final class Hdf5Tensors {
  private static final long ALWAYS_ALLOWED = 64L << 20;
  private static final long MAX_RATIO = 20;

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

  Hdf5Tensors(MappedFile file) {
    this.file = file;
    this.path = file.path();
  }

  /** All that were added, by their names. */
  Map<String, StoredTensor> all() {
    return tensors;
  }

  /**
   * Reads a data set.
   *
   * @throws WeightsException if it is damaged, is stored in a way that is not read, or if there is
   *     one of that name already
   */
  void add(String name, Dataset dataset) {
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

  /**
   * jHDF inflates a chunk whatever its size becomes, and makes tables of what a chunk should have
   * before it looks at it: make sure first that it has that.
   */
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
    int[] offset = new int[chunk.length];
    boolean more = true;
    while (more) {
      // Throws where there is no such chunk, so that there are no more rounds than chunks.
      ByteBuffer stored = dataset.getRawChunkBuffer(offset.clone());
      checkHolds(
          name,
          filters.contains(DEFLATE) ? inflated(name, stored, bytes) : stored.remaining(),
          bytes);
      more = false;
      for (int axis = chunk.length - 1; axis >= 0 && !more; axis--) {
        more = offset[axis] < shape.dimension(axis) - chunk[axis];
        offset[axis] = more ? offset[axis] + chunk[axis] : 0;
      }
    }
  }

  /** How much a chunk unpacks to; anything above the most if that is more. */
  private long inflated(String name, ByteBuffer packed, long most) {
    Inflater inflater = new Inflater();
    byte[] discarded = new byte[1 << 14];
    long count = 0;
    try {
      inflater.setInput(packed);
      while (!inflater.finished() && count <= most + CHECKSUM_BYTES) {
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
    return count;
  }

  private void checkHolds(String name, long count, long bytes) {
    if (count < bytes) {
      throw corrupt(
          "tensor '%s' has a chunk of %d bytes that should have %d"
              .formatted(RestrictedUnpickler.printable(name), count, bytes));
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
