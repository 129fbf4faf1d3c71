package io.resfuse.weights.format;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.file.Path;

/** A tensor as a PyTorch file has it. (A class and not a record: arrays have no value equality.) */
final class TorchTensor {
  private final TorchStorage storage;
  private final long offset;
  private final long[] size;
  private final long[] stride;

  TorchTensor(TorchStorage storage, long offset, long[] size, long[] stride) {
    this.storage = storage;
    this.offset = offset;
    this.size = size;
    this.stride = stride;
  }

  /** The bytes of a storage's elements from one on. */
  @FunctionalInterface
  interface Bytes {
    ByteBuffer slice(TorchStorage storage, long element, int count);
  }

  TorchStorage storage() {
    return storage;
  }

  /**
   * Checks that it lies in its storage.
   *
   * @throws WeightsException if not
   */
  StoredTensor bind(Path file, String name, Bytes bytes) {
    Shape shape = StoredShapes.checked(file, name, size);
    if (stride.length != size.length) {
      throw WeightsException.corrupt(file, "tensor '" + name + "' has no stride per dimension");
    }
    DataType type = storage.type();
    if (shape.elements() == 0) {
      return new StoredTensor(name, type, shape, () -> HostTensor.zeros(shape));
    }
    // Exact: the guards keep every term below 2^62 + 2^62.
    long last = offset;
    boolean inside = offset >= 0 && offset < storage.elements();
    for (int i = 0; inside && i < size.length; i++) {
      inside =
          stride[i] >= 0
              && (size[i] == 1 || stride[i] <= (storage.elements() - 1 - last) / (size[i] - 1));
      last += inside ? (size[i] - 1) * stride[i] : 0;
    }
    if (!inside) {
      throw WeightsException.corrupt(
          file,
          "tensor '"
              + name
              + "' "
              + shape
              + " does not lie in its storage of "
              + storage.elements()
              + " elements");
    }
    if (shape.elements() > storage.elements()) {
      throw WeightsException.of(
          file,
          "tensor '" + name + "' " + shape + " repeats elements (it was expanded)",
          "call contiguous() before torch.save");
    }
    int span = (int) Math.min(last - offset + 1, Integer.MAX_VALUE);
    if (last - offset + 1 > Integer.MAX_VALUE / type.bytes()) {
      throw WeightsException.of(
          file, "tensor '" + name + "' is spread over more than 2 GiB", "call contiguous()");
    }
    return new StoredTensor(
        name,
        type,
        shape,
        () -> {
          ByteBuffer raw = bytes.slice(storage, offset, span);
          return isContiguous()
              ? RawElements.dense(shape, type, raw)
              : RawElements.strided(shape, type, raw, 0, strides(shape));
        });
  }

  /** Strides of dimensions of one element do not matter, and may be any number. */
  private int[] strides(Shape shape) {
    int[] strides = new int[stride.length];
    for (int i = 0; i < strides.length; i++) {
      strides[i] = shape.dimension(i) == 1 ? 0 : (int) stride[i];
    }
    return strides;
  }

  private boolean isContiguous() {
    long expected = 1;
    for (int i = size.length - 1; i >= 0; i--) {
      if (size[i] != 1 && stride[i] != expected) {
        return false;
      }
      expected *= size[i];
    }
    return true;
  }
}
