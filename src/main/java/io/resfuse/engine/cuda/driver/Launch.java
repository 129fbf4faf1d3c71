package io.resfuse.engine.cuda.driver;

import static jcuda.driver.JCudaDriver.cuLaunchKernel;

import java.nio.ByteBuffer;
import jcuda.Pointer;

/**
 * A kernel with everything that a launch needs, checked; made by {@link Kernel#launch}. Issuing it
 * allocates nothing. Not thread-safe where {@link #replace} is used.
 */
public final class Launch {
  private final Kernel<?> kernel;
  private final String label;
  private final Geometry geometry;
  private final ByteBuffer struct;
  private final Pointer arguments;
  private Record parameters;

  Launch(Kernel<?> kernel, String label, Record parameters, Geometry geometry) {
    this.kernel = kernel;
    this.label = label;
    this.parameters = parameters;
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
   * The struct.
   *
   * @return the values of the next launch
   */
  public Record parameters() {
    return parameters;
  }

  /**
   * Changes the struct, for the launches that follow; graphs that were captured keep the old one.
   *
   * @param values of the kernel's record
   */
  public void replace(Record values) {
    kernel.layout().write(values, struct);
    parameters = values;
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
        + kernel.layout().describe(parameters);
  }
}
