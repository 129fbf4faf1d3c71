package io.resfuse.engine.onednn;

import static org.bytedeco.dnnl.global.dnnl.*;

import java.util.List;

/**
 * How the activations of a training plan lie in memory. Blocks of as many channels as a vector
 * register has are best where oneDNN has kernels for them: the gradients of weights are about a
 * fifth faster than for NHWC.
 */
enum TrainingFormat {
  /** nChw16c. */
  BLOCKS_OF_16(dnnl_nChw16c, 16, "nChw16c"),
  /** nChw8c. */
  BLOCKS_OF_8(dnnl_nChw8c, 8, "nChw8c"),
  /** NHWC. */
  CHANNELS_LAST(dnnl_nhwc, 1, "NHWC"),
  /** NCHW. */
  PLANES(dnnl_nchw, 1, "NCHW");

  private final int tag;
  private final int block;
  private final String label;

  TrainingFormat(int tag, int block, String label) {
    this.tag = tag;
    this.block = block;
    this.label = label;
  }

  /**
   * All, the one that should be fastest first. Narrower blocks than a vector register come after
   * NHWC: their kernels are those of an older instruction set.
   */
  static List<TrainingFormat> byPreference(InstructionSet isa) {
    return switch (isa.vectorFloats()) {
      case 16 -> List.of(BLOCKS_OF_16, CHANNELS_LAST, BLOCKS_OF_8, PLANES);
      case 8 -> List.of(BLOCKS_OF_8, CHANNELS_LAST, PLANES);
      default -> List.of(CHANNELS_LAST, BLOCKS_OF_8, BLOCKS_OF_16, PLANES);
    };
  }

  /** oneDNN's tag of four dimensions. */
  int tag() {
    return tag;
  }

  /** The channels that lie together, of which all channel counts must be multiples. */
  int block() {
    return block;
  }

  boolean isBlocked() {
    return block > 1;
  }

  @Override
  public String toString() {
    return label;
  }
}
