package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.driver.Device;
import io.resfuse.engine.cuda.internal.driver.Kernel;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.kernels.KernelLibrary;
import io.resfuse.engine.cuda.internal.program.Region;
import java.util.Arrays;
import java.util.function.Supplier;

/**
 * What the classes that add steps to programs share.
 *
 * @param toolkit of the engine
 * @param type of the tensors
 * @param region of what a plan keeps, for tickets
 */
public record Emission(Toolkit toolkit, ElementType type, Region region) {
  Device device() {
    return toolkit.device();
  }

  KernelLibrary kernels() {
    return toolkit.kernels();
  }

  /** A kernel, which is loaded when it is first bound. */
  public <P extends Record> Supplier<Kernel<P>> kernel(String name, Class<P> parameters) {
    return () -> kernels().get(name, parameters);
  }

  /** The variant of a kernel for the type of the tensors, loaded when it is first bound. */
  <P extends Record> Supplier<Kernel<P>> typedKernel(String name, Class<P> parameters) {
    return () -> kernels().get(name, type, parameters);
  }

  /** The same for tensors of another type. */
  public Emission withType(ElementType other) {
    return new Emission(toolkit, other, region);
  }

  /** The same, with another region. */
  Emission withRegion(Region other) {
    return new Emission(toolkit, type, other);
  }

  /**
   * Whether the last block of a convolution derives what follows from the statistics or sums of so
   * many blocks, in the place of other kernels; not in that of a user's.
   */
  boolean endsBatch(int blocks, String... others) {
    return blocks <= toolkit.thresholds().mostStatistics()
        && Arrays.stream(others).noneMatch(kernels()::isUsers);
  }

  /** Elements that a thread moves at once. */
  int vector() {
    return 16 / type.bytes();
  }

  /** Blocks that fill the device several times over. */
  int manyBlocks() {
    return 8 * device().multiprocessors();
  }
}
