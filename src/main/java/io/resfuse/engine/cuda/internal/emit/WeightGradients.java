package io.resfuse.engine.cuda.internal.emit;

import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.kernels.SumSlices;
import io.resfuse.engine.cuda.internal.kernels.Tile;
import io.resfuse.engine.cuda.internal.kernels.WeightGradient;
import io.resfuse.engine.cuda.internal.layout.ConvolutionShape;
import io.resfuse.engine.cuda.internal.layout.Packing;
import io.resfuse.engine.cuda.internal.layout.WeightLayout;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.program.Timeline;
import io.resfuse.engine.cuda.internal.tiles.TileChoice;
import io.resfuse.engine.cuda.internal.tiles.TileChooser;

/** Adds gradients of convolutions' weights to programs. */
public final class WeightGradients {
  /**
   * Slices that the last block of a tile adds: a few times 64 KB from the second-level cache take
   * less than another launch; more take longer, since that launch has blocks for all of the device.
   */
  private static final int MOST_SLICES_OF_A_BLOCK = 8;

  private final Emission emission;

  public WeightGradients(Emission emission) {
    this.emission = emission;
  }

  /**
   * The gradient with respect to the weights, added to what is there if the binding accumulates.
   *
   * @param gradient floats, laid out as the weights
   */
  public void add(
      Program program,
      ConvolutionShape shape,
      Operand input,
      Buffer outputGradient,
      Buffer gradient) {
    add(program, shape, input, outputGradient, gradient, choice(shape));
  }

  private TileChoice choice(ConvolutionShape shape) {
    WeightLayout layout = shape.weights();
    Packing packing = layout.packing();
    ElementType type = emission.type();
    int outputs = packing.outputs();
    long pixels = shape.output().rows();
    return emission
        .toolkit()
        .tiles()
        .choose(
            new TileChooser.Question(
                type.suffix() + " gradient of weights " + layout + " of " + shape.forward(),
                TileChoice.forWeights(
                    outputs, layout.pitch(), packing.packs(), pixels, type, emission.device()),
                TileChoice.weightCandidates(
                    outputs, layout.pitch(), packing.packs(), pixels, type, emission.device()),
                (program, kept, choice) -> {
                  Timeline timeline = program.timeline();
                  Buffer input = timeline.activation(shape.input().bytes(type));
                  Buffer outputGradient = timeline.activation(shape.output().bytes(type));
                  Buffer gradient = timeline.activation(Float.BYTES * layout.elements());
                  new WeightGradients(emission.withRegion(kept))
                      .add(program, shape, Operand.plain(input), outputGradient, gradient, choice);
                }));
  }

  private void add(
      Program program,
      ConvolutionShape shape,
      Operand input,
      Buffer outputGradient,
      Buffer gradient,
      TileChoice choice) {
    WeightLayout layout = shape.weights();
    Packing packing = layout.packing();
    Tile tile = choice.tile();
    int columnTiles = Geometry.ceilDiv(layout.pitch(), tile.columns());
    int slices = choice.slices();
    long tiles =
        (long) Convolutions.rowTiles(packing.outputs(), tile) * columnTiles * packing.packs();
    boolean adds = slices > 1 && slices <= MOST_SLICES_OF_A_BLOCK;
    Buffer partials = null;
    if (slices > 1) {
      long floats = adds ? tiles * tile.rows() * tile.columns() : layout.elements();
      partials = program.timeline().workspace(Float.BYTES * floats * slices);
    }
    Buffer parts = partials;
    Buffer tickets = adds ? emission.region().add(Integer.BYTES * tiles) : null;
    Buffer result = slices == 1 || adds ? gradient : null;
    String label = shape.name() + " gradient of the weights";
    program.launch(
        () -> emission.kernels().weightGradient(emission.type(), tile, input.affine() != null),
        label,
        kernel ->
            new Geometry(
                (long) Convolutions.rowTiles(packing.outputs(), tile) * columnTiles,
                (long) packing.packs() * slices,
                1,
                kernel.maxThreads(),
                1,
                tile.sharedBytes(kernel.maxThreads())),
        at ->
            new WeightGradient(
                at.of(input.tensor()),
                at.of(outputGradient),
                at.of(input.scale()),
                at.of(input.bias()),
                at.of(result),
                at.of(parts),
                at.of(tickets),
                shape.forward(),
                layout.pitch(),
                shape.output().pitch(),
                packing.outputs(),
                packing.packs(),
                slices,
                columnTiles,
                input.rectifies(),
                at.accumulates(),
                layout.groupOutputs(),
                layout.groupChannels(),
                layout.validChannels()));
    if (result == null) {
      sumSlices(program, label, partials, gradient, layout.elements(), slices);
    }
  }

  /** The sum of float32 slices, added to what is there if the binding accumulates. */
  void sumSlices(
      Program program, String label, Buffer partials, Buffer gradient, long elements, int slices) {
    long blocks = Math.min((elements + 1023) / 1024, emission.manyBlocks());
    program.launch(
        emission.kernel("sumSlices", SumSlices.class),
        label + ", sum of slices",
        Geometry.linear(blocks, 256),
        at -> new SumSlices(at.of(partials), at.of(gradient), elements, slices, at.accumulates()));
  }
}
