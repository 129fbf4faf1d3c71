package io.resfuse.weights.format;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Supplier;

/**
 * A tensor of an ONNX file, not yet read: an initializer, or the value of an attribute. Immutable
 * and thread-safe.
 */
public final class OnnxTensor {
  private final Path path;
  private final String name;
  private final DataType type;
  private final Shape shape;
  private final Coding coding;
  private final Supplier<List<ByteBuffer>> pieces;

  /** How elements are encoded. */
  enum Coding {
    /** As they are, little-endian. */
    RAW,
    /** As varints; those of 16-bit floats have their bits. */
    VARINTS
  }

  /** A tensor; the pieces, one after another, have all elements of the shape, or are refused. */
  OnnxTensor(
      Path path,
      String name,
      DataType type,
      Shape shape,
      Coding coding,
      Supplier<List<ByteBuffer>> pieces) {
    this.path = path;
    this.name = name;
    this.type = type;
    this.shape = shape;
    this.coding = coding;
    this.pieces = pieces;
  }

  /**
   * Its name.
   *
   * @return as in the file, perhaps empty for an attribute's
   */
  public String name() {
    return name;
  }

  /**
   * The element type in the file.
   *
   * @return any type
   */
  public DataType type() {
    return type;
  }

  /**
   * The dimensions.
   *
   * @return as in the file
   */
  public Shape shape() {
    return shape;
  }

  /**
   * The elements as float32, other types rounded. A view of the mapped file where it has aligned
   * float32, else a copy.
   *
   * @return a tensor of {@link #shape()}
   * @throws WeightsException if there are too few or too many bytes, or they cannot be read
   */
  public HostTensor load() {
    if (coding == Coding.RAW) {
      return RawElements.dense(shape, type, raw());
    }
    List<ByteBuffer> parts = enoughPieces();
    float[] elements = new float[(int) shape.elements()];
    forEachVarint(
        parts,
        (index, value) ->
            elements[index] =
                switch (type) {
                  case FLOAT16 -> RawElements.halfToFloat((short) value);
                  case BFLOAT16 -> Float.intBitsToFloat((int) value << 16);
                  default -> (float) value;
                });
    return HostTensor.of(shape, elements);
  }

  /**
   * The elements of a tensor of integers, exactly.
   *
   * @return in row-major order
   * @throws WeightsException if it is not one of integers, or its elements are too few or too many
   */
  public long[] integers() {
    if (coding == Coding.VARINTS) {
      List<ByteBuffer> parts = enoughPieces();
      long[] varints = new long[(int) shape.elements()];
      forEachVarint(parts, (index, value) -> varints[index] = value);
      return varints;
    }
    ByteBuffer bytes = raw();
    long[] elements = new long[(int) shape.elements()];
    for (int i = 0; i < elements.length; i++) {
      elements[i] =
          switch (type) {
            case INT64 -> bytes.getLong(8 * i);
            case INT32 -> bytes.getInt(4 * i);
            case INT16 -> bytes.getShort(2 * i);
            case INT8 -> bytes.get(i);
            case UINT8, BOOL -> bytes.get(i) & 0xff;
            default ->
                throw WeightsException.of(
                    path,
                    "tensor '" + name + "' is of " + type + " where integers are wanted",
                    "export the model again");
          };
    }
    return elements;
  }

  /** As a tensor of a file of weights. */
  StoredTensor stored() {
    return new StoredTensor(name, type, shape, this::load);
  }

  private interface Element {
    void put(int index, long value);
  }

  /** The pieces, which have at least a byte per element: nothing large is allocated before. */
  private List<ByteBuffer> enoughPieces() {
    List<ByteBuffer> parts = pieces.get();
    long bytes = parts.stream().mapToLong(ByteBuffer::limit).sum();
    if (bytes < shape.elements()) {
      throw wrongCount("at most " + bytes);
    }
    return parts;
  }

  private void forEachVarint(List<ByteBuffer> parts, Element element) {
    long count = 0;
    for (ByteBuffer piece : parts) {
      ByteBuffer from = piece.duplicate().rewind();
      while (from.hasRemaining()) {
        long value = ProtoReader.varint(path, from);
        if (count == shape.elements()) {
          throw wrongCount("more than " + count);
        }
        element.put((int) count++, value);
      }
    }
    if (count != shape.elements()) {
      throw wrongCount(String.valueOf(count));
    }
  }

  private ByteBuffer raw() {
    List<ByteBuffer> parts = pieces.get();
    long bytes = parts.stream().mapToLong(ByteBuffer::limit).sum();
    if (bytes != shape.elements() * type.bytes()) {
      throw wrongCount(bytes + " bytes for");
    }
    if (parts.size() == 1) {
      return parts.get(0);
    }
    ByteBuffer whole = ByteBuffer.allocate((int) bytes).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    parts.forEach(part -> whole.put(part.duplicate().rewind()));
    return whole.rewind();
  }

  private WeightsException wrongCount(String found) {
    return WeightsException.corrupt(
        path, "tensor '" + name + "' of " + type + " " + shape + " has " + found + " elements");
  }
}
