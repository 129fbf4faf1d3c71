package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.driver.Device;
import io.resfuse.engine.cuda.internal.kernels.KernelLibrary;
import io.resfuse.engine.cuda.internal.tiles.TileChooser;

/**
 * What an engine makes programs of.
 *
 * @param device for which they are
 * @param kernels where they come from, when a program is bound
 * @param tiles decides which of them
 */
public record Toolkit(Device device, KernelLibrary kernels, TileChooser tiles) {}
