package io.resfuse.tensor;

import java.nio.FloatBuffer;

/**
 * A float32 tensor in the host's memory: a shape and its elements in row-major order.
 *
 * <p>The elements may lie on the heap, in direct memory or in a mapped file. Not thread-safe for
 * writers; the buffer's position and limit are never used.
 */
public final class HostTensor {
  private final Shape shape;
  private final FloatBuffer elements;

  private HostTensor(Shape shape, FloatBuffer elements) {
    if (elements.capacity() != shape.elements()) {
      throw new IllegalArgumentException(
          "shape "
              + shape
              + " needs "
              + shape.elements()
              + " elements, got "
              + elements.capacity());
    }
    this.shape = shape;
    this.elements = elements;
  }

  /**
   * A tensor of zeros on the heap.
   *
   * @param shape at most 2^31 - 1 elements
   * @return a new tensor
   */
  public static HostTensor zeros(Shape shape) {
    return new HostTensor(shape, FloatBuffer.allocate(Math.toIntExact(shape.elements())));
  }

  /**
   * A view of an array.
   *
   * @param shape the dimensions
   * @param elements row-major, not copied
   * @return a tensor that shares the array
   * @throws IllegalArgumentException if the lengths differ
   */
  public static HostTensor of(Shape shape, float... elements) {
    return new HostTensor(shape, FloatBuffer.wrap(elements));
  }

  /**
   * A view of a buffer from its index 0 to its capacity.
   *
   * @param shape the dimensions
   * @param elements row-major, not copied, in native byte order
   * @return a tensor that shares the buffer
   * @throws IllegalArgumentException if the lengths differ
   */
  public static HostTensor of(Shape shape, FloatBuffer elements) {
    return new HostTensor(shape, elements);
  }

  /**
   * The dimensions.
   *
   * @return the shape
   */
  public Shape shape() {
    return shape;
  }

  /**
   * The elements, shared, with a position and limit of their own (0 and the capacity).
   *
   * @return a view
   */
  public FloatBuffer buffer() {
    return elements.duplicate().clear();
  }

  /**
   * One element.
   *
   * @param index row-major
   * @return its value
   */
  public float get(int index) {
    return elements.get(index);
  }

  /**
   * Sets one element.
   *
   * @param index row-major
   * @param value the new value
   */
  public void set(int index, float value) {
    elements.put(index, value);
  }

  /**
   * A copy of the elements.
   *
   * @return a new array, row-major
   */
  public float[] toArray() {
    float[] copy = new float[elements.capacity()];
    elements.get(0, copy);
    return copy;
  }

  /**
   * A tensor with elements of its own, on the heap.
   *
   * @return the copy
   */
  public HostTensor copy() {
    return of(shape, toArray());
  }

  @Override
  public String toString() {
    return "float32 " + shape;
  }
}
