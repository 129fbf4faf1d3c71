package io.resfuse.engine.cuda.internal.driver;

import static jcuda.driver.JCudaDriver.cuLaunchKernel;

import java.nio.ByteBuffer;
import jcuda.Pointer;

/**
 * A kernel with everything that a launch needs, checked; made by {@link Kernel#launch}. Issuing it
 * and changing single parameters allocate nothing. Not thread-safe where parameters are changed.
 */
public final class Launch {
  private final Kernel<?> kernel;
  private final String label;
  private final Geometry geometry;
  private final ByteBuffer struct;
  private final Pointer arguments;

  Launch(Kernel<?> kernel, String label, Record parameters, Geometry geometry) {
    this.kernel = kernel;
    this.label = label;
    this.geometry = geometry;
    this.struct = kernel.layout().write(parameters);
    this.arguments = Pointer.to(Pointer.to(struct));
  }

  /**
   * The kernel.
   *
   * @return shared
   */
  public Kernel<?> kernel() {
    return kernel;
  }

  /**
   * What it does for whom.
   *
   * @return as it was given
   */
  public String label() {
    return label;
  }

  /**
   * Grid, block, shared memory.
   *
   * @return as they were given
   */
  public Geometry geometry() {
    return geometry;
  }

  /**
   * Where a parameter lies, for the setters.
   *
   * @param name the record's component
   * @return its offset
   */
  public int offset(String name) {
    return kernel.layout().offset(name);
  }

  /**
   * Changes a parameter for the launches that follow; graphs that were captured keep the old one.
   *
   * @param offset of a {@code long}
   * @param value new
   */
  public void set(int offset, long value) {
    struct.putLong(offset, value);
  }

  /**
   * Changes a parameter for the launches that follow; graphs that were captured keep the old one.
   *
   * @param offset of an {@code int}
   * @param value new
   */
  public void set(int offset, int value) {
    struct.putInt(offset, value);
  }

  /**
   * Changes a parameter for the launches that follow; graphs that were captured keep the old one.
   *
   * @param offset of a {@code float}
   * @param value new
   */
  public void set(int offset, float value) {
    struct.putFloat(offset, value);
  }

  /** Starts it on a stream whose context is current. */
  int start(Stream stream) {
    return cuLaunchKernel(
        kernel.handle(),
        (int) geometry.gridX(),
        (int) geometry.gridY(),
        (int) geometry.gridZ(),
        geometry.blockX(),
        geometry.blockY(),
        1,
        geometry.sharedBytes(),
        stream.handle(),
        arguments,
        null);
  }

  /** Kernel, label, sizes and arguments in one line. */
  @Override
  public String toString() {
    return kernel.name()
        + " for "
        + label
        + ", "
        + geometry
        + ", "
        + kernel.layout().describe(struct);
  }
}
