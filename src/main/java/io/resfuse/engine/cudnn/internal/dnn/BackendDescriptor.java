package io.resfuse.engine.cudnn.internal.dnn;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import jcuda.jcudnn.JCudnn;
import jcuda.jcudnn.cudnnBackendAttributeName;
import jcuda.jcudnn.cudnnBackendAttributeType;
import jcuda.jcudnn.cudnnBackendDescriptor;
import jcuda.jcudnn.cudnnBackendDescriptorType;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.DoublePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.LongPointer;

/** A descriptor of cuDNN's graph interface: attributes are set, then it is finalised. */
final class BackendDescriptor extends DnnObject<BackendDescriptor.Opened> {
  /** {@code CUDNN_TYPE_CHAR}, which JCudnn's Java half does not know yet. */
  private static final int TYPE_CHAR = 24;

  private final String type;

  /** JCuda keeps addresses to itself; a subclass may look. */
  static final class Opened extends cudnnBackendDescriptor {
    long address() {
      return getNativePointer();
    }
  }

  /**
   * Creates one.
   *
   * @param type of {@link cudnnBackendDescriptorType}
   */
  BackendDescriptor(int type) {
    super(
        new Opened(),
        handle -> JCudnn.cudnnBackendCreateDescriptor(type, handle),
        JCudnn::cudnnBackendDestroyDescriptor,
        "a " + nameOf(type));
    this.type = nameOf(type);
  }

  /** JCudnn's Java half names what cuDNN 8.3 had. */
  private static String nameOf(int type) {
    return type == DeviceDescription.DESCRIPTOR
        ? "CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR"
        : cudnnBackendDescriptorType.stringFor(type);
  }

  BackendDescriptor longs(int attribute, long... values) {
    try (LongPointer numbers = new LongPointer(values)) {
      return set(
          attribute, cudnnBackendAttributeType.CUDNN_TYPE_INT64, values.length, numbers.address());
    }
  }

  BackendDescriptor real(int attribute, double value) {
    try (DoublePointer number = new DoublePointer(new double[] {value})) {
      return set(attribute, cudnnBackendAttributeType.CUDNN_TYPE_DOUBLE, 1, number.address());
    }
  }

  BackendDescriptor flag(int attribute, boolean value) {
    try (BytePointer flag = new BytePointer(new byte[] {(byte) (value ? 1 : 0)})) {
      return set(attribute, cudnnBackendAttributeType.CUDNN_TYPE_BOOLEAN, 1, flag.address());
    }
  }

  /** ASCII characters. */
  BackendDescriptor text(int attribute, String value) {
    byte[] characters = value.getBytes(StandardCharsets.US_ASCII);
    try (BytePointer text = new BytePointer(characters)) {
      return set(attribute, TYPE_CHAR, characters.length, text.address());
    }
  }

  /**
   * An attribute of ASCII characters, of which cuDNN tells the number when it is asked for none.
   */
  String text(int attribute) {
    long length = get(attribute, TYPE_CHAR, 0, 0);
    byte[] characters = new byte[Math.toIntExact(length)];
    try (BytePointer text = new BytePointer(characters)) {
      get(attribute, TYPE_CHAR, length, text.address());
      text.get(characters);
    }
    return new String(characters, StandardCharsets.US_ASCII);
  }

  /** A value of one of cuDNN's enumerations. */
  BackendDescriptor choice(int attribute, int enumeration, int value) {
    try (IntPointer choice = new IntPointer(new int[] {value})) {
      return set(attribute, enumeration, 1, choice.address());
    }
  }

  BackendDescriptor descriptors(int attribute, BackendDescriptor... values) {
    long[] addresses = Arrays.stream(values).mapToLong(value -> value.handle().address()).toArray();
    return addresses(attribute, cudnnBackendAttributeType.CUDNN_TYPE_BACKEND_DESCRIPTOR, addresses);
  }

  BackendDescriptor handle(int attribute, Handle value) {
    return addresses(attribute, cudnnBackendAttributeType.CUDNN_TYPE_HANDLE, value.address());
  }

  private BackendDescriptor addresses(int attribute, int attributeType, long... values) {
    try (LongPointer pointers = new LongPointer(values)) {
      return set(attribute, attributeType, values.length, pointers.address());
    }
  }

  /** An attribute of one whole number, which cuDNN knows once this is complete. */
  long number(int attribute) {
    try (LongPointer number = new LongPointer(new long[1])) {
      get(attribute, cudnnBackendAttributeType.CUDNN_TYPE_INT64, 1, number.address());
      return number.get();
    }
  }

  /**
   * An attribute of some values of one of cuDNN's enumerations.
   *
   * @param most at least as many as there may be
   */
  int[] choices(int attribute, int enumeration, int most) {
    int[] values = new int[most];
    try (IntPointer choices = new IntPointer(values)) {
      long filled = get(attribute, enumeration, most, choices.address());
      choices.get(values);
      return Arrays.copyOf(values, (int) Math.min(filled, most));
    }
  }

  /**
   * Lets cuDNN fill descriptors of the attribute's type.
   *
   * @return how many of them it has filled
   */
  int fill(int attribute, BackendDescriptor... empty) {
    long[] addresses = Arrays.stream(empty).mapToLong(value -> value.handle().address()).toArray();
    try (LongPointer pointers = new LongPointer(addresses)) {
      long filled =
          get(
              attribute,
              cudnnBackendAttributeType.CUDNN_TYPE_BACKEND_DESCRIPTOR,
              empty.length,
              pointers.address());
      return (int) Math.min(filled, empty.length);
    }
  }

  private long get(int attribute, int attributeType, long most, long target) {
    long[] count = new long[1];
    Dnn.check(
        JCudnn.cudnnBackendGetAttribute(
            handle(), attribute, attributeType, most, count, new Address(target)),
        "asking for " + cudnnBackendAttributeName.stringFor(attribute));
    return count[0];
  }

  BackendDescriptor pointers(int attribute, long... values) {
    return addresses(attribute, cudnnBackendAttributeType.CUDNN_TYPE_VOID_PTR, values);
  }

  /** Attributes are outside of the heap: JCudnn hands on an array of Java's as a null pointer. */
  private BackendDescriptor set(int attribute, int attributeType, long count, long values) {
    Dnn.check(
        JCudnn.cudnnBackendSetAttribute(
            handle(), attribute, attributeType, count, new Address(values)),
        "setting " + cudnnBackendAttributeName.stringFor(attribute));
    return this;
  }

  /** Ends the setting of attributes: cuDNN checks them. */
  BackendDescriptor complete() {
    Dnn.check(JCudnn.cudnnBackendFinalize(handle()), "finalising a " + type);
    return this;
  }
}
