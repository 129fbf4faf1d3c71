package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.layout.Activation;

/** The geometries of kernels over [rows][channels]. */
final class PerChannel {
  private static final int CHANNELS_PER_BLOCK = 32;

  private PerChannel() {}

  /** Blocks of 32 channels in the first direction, rows in the second. */
  static Geometry grid(int rows, int channels) {
    return new Geometry(Geometry.ceilDiv(channels, CHANNELS_PER_BLOCK), rows, 1, 8, 32, 0);
  }

  /** A grid over rows, a block over channels. */
  static Geometry elementwise(Emission emission, Activation shape) {
    Geometry block = block(emission, shape.pitch());
    long most = Math.max(1, emission.manyBlocks() / block.gridY());
    long blocks = Math.min(Geometry.ceilDiv(shape.rows(), 64), most);
    return new Geometry(blocks, block.gridY(), 1, block.blockX(), block.blockY(), 0);
  }

  /** A block over channels, and as many of it in the second direction as these need. */
  static Geometry block(Emission emission, int pitch) {
    int vectors = pitch / emission.vector();
    int gridY = Geometry.ceilDiv(vectors, 128);
    int x = Geometry.ceilDiv(vectors, gridY);
    return new Geometry(1, gridY, 1, x, 256 / x, 0);
  }
}
