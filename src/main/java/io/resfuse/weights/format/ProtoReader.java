package io.resfuse.weights.format;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Reads one message in the wire format of protocol buffers
 * (protobuf.dev/programming-guides/encoding), field by field: {@link #next}, then one of the
 * methods that take the value. Nothing is copied but strings, and nothing is recursive. A message
 * that is cut, or has a value of another wire type than asked for, is a {@link WeightsException}.
 *
 * <p>What is made of the messages costs more memory than they take themselves (an empty node takes
 * two bytes); {@link #charge} keeps that within four times the file, and 16 MiB.
 */
final class ProtoReader {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int LENGTH = 2;
  private static final int FIXED32 = 5;

  private final Path path;
  private final ByteBuffer bytes;
  private final Budget budget;
  private int field;
  private int wireType;

  /** Bytes of memory that may still be taken. */
  private static final class Budget {
    private static final long FOR_SMALL_FILES = 16 << 20;

    private long left;

    Budget(long fileSize) {
      left = 4 * fileSize + FOR_SMALL_FILES;
    }
  }

  private ProtoReader(Path path, ByteBuffer bytes, Budget budget) {
    this.path = path;
    this.bytes = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    this.budget = budget;
  }

  /** Of a whole file, from index 0 to the buffer's limit. */
  ProtoReader(Path path, ByteBuffer file) {
    this(path, file.duplicate().rewind(), new Budget(file.limit()));
  }

  /** Goes to the next field; false at the message's end. */
  boolean next() {
    if (!bytes.hasRemaining()) {
      return false;
    }
    long tag = readVarint();
    wireType = (int) (tag & 7);
    if (tag >>> 3 == 0 || tag >>> 32 != 0) {
      throw corrupt("has a field number that there is not");
    }
    field = (int) (tag >>> 3);
    return true;
  }

  /** The number of the field that {@link #next} has found. */
  int field() {
    return field;
  }

  /** Takes an integer. */
  long varint() {
    expect(VARINT);
    return readVarint();
  }

  /** Takes a float. */
  float fixed32() {
    expect(FIXED32);
    return take(4).getFloat();
  }

  /** Takes bytes as a view, from its index 0 to its limit, little-endian. */
  ByteBuffer bytes() {
    expect(LENGTH);
    long length = readVarint();
    if (length < 0 || length > bytes.remaining()) {
      throw corrupt(
          "ends early: a field of "
              + Long.toUnsignedString(length)
              + " bytes begins where "
              + bytes.remaining()
              + " are left");
    }
    return take((int) length);
  }

  /** Takes a name: a text without control characters, so that it can be part of a message. */
  String name() {
    String name = text();
    if (name.chars().anyMatch(Character::isISOControl)) {
      throw corrupt("has a name with control characters");
    }
    return name;
  }

  /** Takes a text. */
  String text() {
    ByteBuffer text = bytes();
    charge(64 + 2L * text.remaining());
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT)
          .decode(text)
          .toString();
    } catch (CharacterCodingException e) {
      throw corrupt("has a text that is not UTF-8");
    }
  }

  /** Takes a message, to be read by itself. */
  ProtoReader message() {
    return new ProtoReader(path, bytes(), budget);
  }

  /**
   * Takes numbers of a repeated field of fixed size or of varints, packed or one by one, as a piece
   * of what they are encoded as.
   */
  ByteBuffer piece() {
    charge(128);
    if (wireType == LENGTH) {
      return bytes();
    }
    return switch (wireType) {
      case FIXED32 -> take(4);
      case FIXED64 -> take(8);
      case VARINT -> {
        int start = bytes.position();
        readVarint();
        int length = bytes.position() - start;
        bytes.position(start);
        yield take(length);
      }
      default -> throw wrongType();
    };
  }

  /** Takes integers of a repeated field, packed or a single one. */
  void integers(LongList into) {
    if (wireType != LENGTH) {
      charge(16);
      into.add(varint());
      return;
    }
    ProtoReader packed = message();
    charge(16L * packed.bytes.remaining());
    while (packed.bytes.hasRemaining()) {
      into.add(packed.readVarint());
    }
  }

  /** Leaves a value out. */
  void skip() {
    switch (wireType) {
      case VARINT -> readVarint();
      case FIXED64 -> take(8);
      case LENGTH -> bytes();
      case FIXED32 -> take(4);
      default -> throw wrongType();
    }
  }

  /**
   * Books memory.
   *
   * @throws WeightsException if that is more than four times the file, and 16 MiB
   */
  void charge(long memory) {
    budget.left -= memory;
    if (budget.left < 0) {
      throw WeightsException.of(
          path,
          "its table of contents takes more than four times the memory that the file has bytes",
          "do not trust this file");
    }
  }

  private void expect(int type) {
    if (wireType != type) {
      throw wrongType();
    }
  }

  private WeightsException wrongType() {
    return corrupt("has a field " + field + " of wire type " + wireType);
  }

  private ByteBuffer take(int length) {
    if (length > bytes.remaining()) {
      throw corrupt("ends within a number");
    }
    ByteBuffer piece = bytes.slice(bytes.position(), length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.position(bytes.position() + length);
    return piece;
  }

  private long readVarint() {
    return varint(path, bytes);
  }

  /** Reads an integer from a buffer's position on. */
  static long varint(Path path, ByteBuffer from) {
    long value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (!from.hasRemaining()) {
        throw corrupt(path, "ends within a number");
      }
      byte part = from.get();
      value |= (long) (part & 0x7f) << shift;
      if (part >= 0) {
        return value;
      }
    }
    throw corrupt(path, "has a number of more than ten bytes");
  }

  private WeightsException corrupt(String found) {
    return corrupt(path, found);
  }

  private static WeightsException corrupt(Path path, String found) {
    return WeightsException.corrupt(path, "a message of its protocol buffer " + found);
  }
}
