package io.resfuse.engine.cuda.emit;

import io.resfuse.engine.cuda.driver.Device;
import io.resfuse.engine.cuda.kernels.KernelLibrary;
import io.resfuse.engine.cuda.tiles.TileChooser;

/**
 * What an engine makes programs of.
 *
 * @param device for which they are
 * @param kernels where they come from, when a program is bound
 * @param tiles decides which of them
 */
public record Toolkit(Device device, KernelLibrary kernels, TileChooser tiles) {}
