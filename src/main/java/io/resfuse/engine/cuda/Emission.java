package io.resfuse.engine.cuda;

import io.resfuse.engine.cuda.driver.Device;
import io.resfuse.engine.cuda.kernels.ElementType;
import io.resfuse.engine.cuda.kernels.KernelLibrary;

/**
 * What the classes that add steps to programs share.
 *
 * @param device for which the steps are
 * @param kernels where they come from, when a program is bound
 * @param type of the tensors
 * @param region of what a plan keeps, for tickets
 */
record Emission(Device device, KernelLibrary kernels, ElementType type, Region region) {
  /** Elements that a thread moves at once. */
  int vector() {
    return 16 / type.bytes();
  }

  /** Blocks that fill the device several times over. */
  int manyBlocks() {
    return 8 * device.multiprocessors();
  }
}
