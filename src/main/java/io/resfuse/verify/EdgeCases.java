package io.resfuse.verify;

import io.resfuse.engine.Engine;
import io.resfuse.engine.KernelSuite;
import io.resfuse.engine.KernelSuite.Division;
import io.resfuse.engine.KernelSuite.TileSize;
import io.resfuse.engine.NetworkBuilder;
import io.resfuse.engine.NetworkBuilder.Conv;
import io.resfuse.engine.NetworkBuilder.Norm;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.Optimizer;
import io.resfuse.engine.Value;
import io.resfuse.verify.OperationShape.Kind;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Small operations of sizes that the layers of a network seldom have, and at which kernels go
 * wrong: where a loop runs a second time, a tile is not full, a sum is cut into many slices, or a
 * number is larger than a shortcut allows for. {@code docs/verify.md} has the list: what each
 * kernel's parameters, branches, loops and tails are, and which case is for which.
 *
 * <p>Most sizes follow from the tiles of an engine that is a {@link KernelSuite}: each tile gets
 * products that fill several of it and begin another by one row and 8 columns, once cut into slices
 * and once with blocks that work on. Other engines get the same sizes of a usual tile.
 */
public final class EdgeCases {
  private static final TileSize USUAL = new TileSize(64, 64);

  /** Of 16-bit elements in a vector: channels are padded to multiples of it. */
  private static final int VECTOR = 8;

  /** Terms of a sum that a stage of the pipeline has, at most: 64 bytes of 16-bit elements. */
  private static final int STAGE = 32;

  /** Pixels of all stages that are under way, or about to be, at once. */
  private static final int RING = 4 * STAGE;

  /** Rows of a gradient that one block adds up where blocks work on. */
  private static final int ROWS_PER_BLOCK = 64;

  /** Partial results that a kernel over channels takes at once; a thread takes every 32nd. */
  private static final int PARTS = 32;

  /** Of these that a thread takes at once. */
  private static final int AT_ONCE = 4;

  /** Vectors of channels that a block over channels has at most. */
  private static final int VECTORS_PER_BLOCK = 128;

  /** Channels whose coefficients the threads of a block load at once. */
  private static final int COEFFICIENTS = 512;

  /** Classes whose logits a block keeps. */
  private static final int KEPT_CLASSES = 2048;

  /** Threads of the kernel of the loss. */
  private static final int LOSS_THREADS = 256;

  /**
   * One more than two; more than four, of which the last are empty. Two, which every kernel's
   * comparisons are about, has each tile's case with a prologue, which runs all its kernels.
   */
  private static final int[] SLICES = {3, 9};

  /**
   * Nearly a small tile of rows: of 8 and of 16 threads that share them, some have three more than
   * a multiple of four, and some fewer.
   */
  private static final int MORE_ROWS = 60;

  private static final Window POINT = new Window(1, 1, 0, 1);
  private static final Window THREE = new Window(3, 1, 1, 1);

  /** What a convolution has. */
  private enum Part {
    BIAS,
    NORM,
    RESIDUAL,
    RELU,
    PROLOGUE
  }

  /** Images that have a number of pixels together. */
  private record Pixels(int batch, int height, int width) {
    /** The first number from one on, and by steps, that is some images of about square sizes. */
    static Pixels from(int least, int step) {
      for (int pixels = least; ; pixels += step) {
        for (int batch = 2; batch < 10; batch++) {
          int plane = pixels / batch;
          for (int height = (int) Math.sqrt(plane); height > 4; height--) {
            if (batch * plane == pixels && plane % height == 0) {
              return new Pixels(batch, height, plane / height);
            }
          }
        }
      }
    }
  }

  private EdgeCases() {}

  /**
   * The cases for an engine.
   *
   * @param engine whose tiles count if it is a {@link KernelSuite}
   * @return all of {@link Level#EDGES}
   */
  public static List<VerifyCase> of(Engine engine) {
    KernelSuite suite = engine instanceof KernelSuite tiled ? tiled : null;
    List<TileSize> tiles = suite == null ? List.of(USUAL) : suite.tiles();
    List<TileSize> weightTiles = suite == null ? List.of(USUAL) : suite.weightTiles();
    List<VerifyCase> cases = new ArrayList<>();
    tiles(cases, tiles, weightTiles);
    manyRows(cases);
    weights(cases, tiles.get(tiles.size() - 1));
    windows(cases);
    cases.add(faint());
    channels(cases);
    pools(cases);
    betweenConvolutions(cases);
    gates(cases);
    maps(cases);
    losses(cases);
    return List.copyOf(cases);
  }

  /** Each tile of the products and of the gradients of weights, with and without a prologue. */
  private static void tiles(
      List<VerifyCase> cases, List<TileSize> tiles, List<TileSize> weightTiles) {
    for (int i = 0; i < weightTiles.size(); i++) {
      TileSize tile = tiles.get(i % tiles.size());
      TileSize weightTile = weightTiles.get(i);
      for (boolean prologue : new boolean[] {false, true}) {
        int slices = prologue ? 2 : SLICES[i % SLICES.length];
        workingOn(cases, tile, weightTile, prologue);
        pointwise(cases, tile, weightTile, prologue);
        sliced(cases, tile, weightTile, prologue, slices);
        oneTap(cases, tile, weightTile, prologue);
      }
    }
    tiles.forEach(tile -> junction(cases, tile, weightTiles.get(0)));
    // Tap by tap at a stride, in slices.
    TileSize last = tiles.get(tiles.size() - 1);
    cases.add(
        edge("edge:", conv(40, 72, new Window(1, 3, 0, 1), 1, parts(true), new Pixels(2, 9, 11)))
            .with(new Division(last, weightTiles.get(weightTiles.size() - 1), 3, false)));
  }

  /** A batch norm and a ReLU, and a prologue before it or a residual that is added. */
  private static Set<Part> parts(boolean prologue) {
    return EnumSet.of(Part.NORM, Part.RELU, prologue ? Part.PROLOGUE : Part.RESIDUAL);
  }

  /**
   * Two full tiles of rows, which one block computes one after the other, and the beginning of
   * another. More taps in a row than a loop over them takes at once, several in a chunk, and more
   * stages than the ring has places; groups, the last of which fill half of a pack. So little
   * padding that the middle tap lies outside, too, and the last but one.
   */
  private static void workingOn(
      List<VerifyCase> cases, TileSize tile, TileSize weightTile, boolean prologue) {
    Set<Part> parts = EnumSet.of(Part.NORM, Part.RELU);
    if (prologue) {
      parts.add(Part.PROLOGUE);
    }
    Window five = new Window(5, 1, 1, 1);
    Pixels out = Pixels.from(Math.max(2 * tile.rows(), 2 * RING) + MORE_ROWS, 2);
    Pixels pixels = new Pixels(out.batch(), out.height() + 2, out.width() + 2);
    OperationShape shape = conv(12, 12, five, 3, parts, pixels);
    cases.add(
        edge(label(tile, weightTile, 1), shape).with(new Division(tile, weightTile, 1, true)));
  }

  /**
   * The same rows in slices: 8 columns beyond a tile of either product, a tap that begins in one
   * chunk and ends in the next, and images that need no windows.
   */
  private static void sliced(
      List<VerifyCase> cases, TileSize tile, TileSize weightTile, boolean prologue, int slices) {
    int in = STAGE + VECTOR;
    int out = Math.max(tile.columns(), weightTile.rows()) + VECTOR;
    OperationShape shape = conv(in, out, POINT, 1, parts(prologue), rowsOf(tile, 2));
    cases.add(
        edge(label(tile, weightTile, slices), shape)
            .with(new Division(tile, weightTile, slices, false)));
  }

  /** Images that need no windows, in one slice, at which the ring comes round twice. */
  private static void pointwise(
      List<VerifyCase> cases, TileSize tile, TileSize weightTile, boolean prologue) {
    Set<Part> parts = prologue ? EnumSet.of(Part.PROLOGUE) : EnumSet.noneOf(Part.class);
    OperationShape shape = conv(VECTOR, VECTOR, POINT, 1, parts, Pixels.from(2 * RING + 2, 2));
    cases.add(
        edge("ring of %dx%d:".formatted(weightTile.rows(), weightTile.columns()), shape)
            .with(new Division(tile, weightTile, 1, false)));
  }

  /**
   * As many channels as a tile has columns, which are then all of one tap, in two batches; the ring
   * comes round twice.
   */
  private static void oneTap(
      List<VerifyCase> cases, TileSize tile, TileSize weightTile, boolean prologue) {
    Set<Part> parts = EnumSet.of(Part.NORM, Part.RELU);
    if (prologue) {
      parts.add(Part.PROLOGUE);
    }
    // What a prologue is taken from is a product as large as the image.
    Window window = new Window(2, prologue ? 1 : 2, 1, 1);
    Pixels pixels = prologue ? Pixels.from(2 * RING, 2) : Pixels.from(4 * (2 * RING + 2), 8);
    String label = "edge of one tap of %dx%d:".formatted(weightTile.rows(), weightTile.columns());
    OperationShape shape = conv(weightTile.columns(), 2 * VECTOR, window, 1, parts, pixels);
    cases.add(
        edge(label, shape)
            .with(new Division(tile, weightTile, 1, false))
            .with(new Regime(Optimizer.Sgd.standard(), Set.of(), 2, false)));
  }

  /**
   * Gradients that one contribution completes, which can be masked and summed on the way: of a
   * batch norm without ReLU, and of two whose sum goes through a ReLU and is a residual, too. Rows
   * as in {@link #workingOn}, and 8 columns beyond a tile.
   */
  private static void junction(List<VerifyCase> cases, TileSize tile, TileSize weightTile) {
    int channels = tile.columns() + VECTOR;
    Pixels pixels = Pixels.from(2 * tile.rows() + MORE_ROWS, 2);
    NetworkBuilder builder = new NetworkBuilder("junction", VECTOR);
    Value linear = builder.fusedConv(builder.input(), point("linear", channels, 1), null, false);
    Value added = builder.fusedConv(builder.input(), point("added", channels, 1), null, false);
    Value sum = builder.fusedConv(linear, point("sum", channels, 1), added, true);
    Conv last = new Conv("last", channels, POINT, 1, false, null);
    builder.output(VerifyCase.OUT, builder.fusedConv(sum, last, sum, true));
    String name =
        "junction of %dx%d: conv 1x1 %d add relu".formatted(tile.rows(), tile.columns(), channels);
    cases.add(
        new VerifyCase(
                name,
                Level.EDGES,
                builder.build(),
                null,
                pixels.batch(),
                pixels.height(),
                pixels.width())
            .with(new Division(tile, weightTile, 1, true)));
  }

  private static Conv point(String name, int outputs, int stride) {
    Window window = new Window(1, stride, 0, 1);
    return new Conv(name, outputs, window, 1, false, new Norm(name + ".bn", 1e-5, 0.1));
  }

  /** Two full tiles, and some more; an even number, so that integers have exact statistics. */
  private static Pixels rowsOf(TileSize tile, int more) {
    return Pixels.from(2 * Math.max(tile.rows(), USUAL.rows()) + more, 2);
  }

  private static String label(TileSize tile, TileSize weightTile, int slices) {
    return "edge of %dx%d and %dx%d, %d slices:"
        .formatted(tile.rows(), tile.columns(), weightTile.rows(), weightTile.columns(), slices);
  }

  /** More rows of statistics and of partial sums than a thread of a reduction takes at once. */
  private static void manyRows(List<VerifyCase> cases) {
    Set<Part> parts = EnumSet.of(Part.NORM, Part.RELU);
    // Some threads take three more than they take at once, the others two more; in the last block
    // is one row.
    int merged = ((AT_ONCE + 2) * PARTS + 2) * ROWS_PER_BLOCK + 1;
    cases.add(
        edge("many rows, merged:", conv(8, 8, POINT, 1, parts, new Pixels(3, 1, merged / 3)))
            .with(new Division(USUAL, USUAL, 1, true)));
    int unmerged = ((AT_ONCE + 2) * PARTS + 4) * USUAL.rows() + 1;
    cases.add(
        edge("many rows:", conv(8, 8, POINT, 1, parts, new Pixels(5, 1, unmerged / 5)))
            .with(new Division(USUAL, USUAL, 2, false)));
  }

  /**
   * Weights alone, in more chunks of the optimizer than one, whose last one is not full; as many
   * pixels as channels show each of them.
   */
  private static void weights(List<VerifyCase> cases, TileSize tile) {
    OperationShape shape = conv(96, 96, POINT, 1, EnumSet.noneOf(Part.class), new Pixels(2, 7, 7));
    Optimizer.Adam adam = new Optimizer.Adam(0.9, 0.999, 1e-8, true, 1e-2, Map.of());
    Map<String, Regime> regimes =
        Map.of("weights:", Regime.standard(), "weights, adam:", Regime.of(adam));
    new TreeMap<>(regimes)
        .forEach(
            (label, regime) ->
                cases.add(
                    edge(label, shape)
                        .with(new Division(tile, tile, 2, true))
                        .with(regime.andOn())));
  }

  /** Strides, dilations and kernels beyond those of a ResNet, and more images than eight. */
  private static void windows(List<VerifyCase> cases) {
    Set<Part> parts = EnumSet.of(Part.NORM, Part.RELU);
    Window dilated = new Window(3, 1, 3, 3);
    cases.add(edge("edge:", conv(8, 16, dilated, 1, parts, new Pixels(9, 7, 6))));
    cases.add(edge("edge:", conv(8, 16, new Window(5, 3, 2, 1), 1, parts, new Pixels(2, 11, 10))));
    // Three channels of a pixel and their padding, and as many as a pixel has.
    Window stem = new Window(7, 2, 3, 1);
    cases.add(edge("edge:", conv(3, 16, stem, 1, parts, new Pixels(2, 9, 76))));
    cases.add(edge("edge:", conv(4, 16, stem, 1, parts, new Pixels(2, 6, 7))));
    // A gradient that a residual wants as it is; and a pixel more than a warp has lanes.
    Set<Part> added = EnumSet.of(Part.BIAS, Part.RESIDUAL);
    cases.add(edge("edge:", conv(16, 16, THREE, 1, added, new Pixels(2, 3, 11))));
    Set<Part> biased = EnumSet.of(Part.BIAS, Part.NORM, Part.RELU);
    cases.add(
        edge("edge:", conv(12, 18, THREE, 3, biased, new Pixels(3, 5, 6)))
            .with(Regime.standard().andOn()));
    for (int stride : new int[] {2, 3}) {
      // Channels before those of the input: a vector of them, and less than one.
      int in = stride == 2 ? 8 : 3;
      int out = stride == 2 ? 24 : 8;
      Window window = new Window(1, stride, 0, 1);
      int rows = stride == 2 ? 31 : 56;
      // More pixels than the blocks of a single multiprocessor take at once.
      cases.add(
          edge("edge:", OperationShape.plain(Kind.SHORTCUT, in, out, window, 3, rows, rows + 1))
              .with(new Division(USUAL, USUAL, 1, true)));
    }
    // So many before those of the input that each element of a vector is the first of them once.
    for (int before : new int[] {1, 2, 3, 5, 6, 7}) {
      Window window = new Window(1, 2, 0, 1);
      int in = 2 * VECTOR;
      cases.add(
          edge("edge:", OperationShape.plain(Kind.SHORTCUT, in, in + 2 * before, window, 2, 3, 4)));
    }
  }

  /**
   * A batch norm of results so small that its epsilon matters, used as it is in evaluation, too.
   */
  private static VerifyCase faint() {
    NetworkBuilder builder = new NetworkBuilder(Fills.FAINT, VECTOR);
    Norm norm = new Norm(Fills.FAINT + ".bn", 1e-5, 0.1);
    Conv conv = new Conv(Fills.FAINT, 2 * VECTOR, POINT, 1, true, norm);
    builder.output(VerifyCase.OUT, builder.fusedConv(builder.input(), conv, null, true));
    String name = "faint: conv 1x1 8>16 bias bn relu";
    // Weights so small would not survive an update at a usual rate.
    Set<String> frozen = Set.of(Fills.FAINT + ".weight", Fills.FAINT + ".bias");
    return new VerifyCase(name, Level.EDGES, builder.build(), null, 2, 5, 6)
        .with(new Regime(Optimizer.Sgd.standard(), frozen, 1, true));
  }

  /** More channels than a block has threads for. */
  private static void channels(List<VerifyCase> cases) {
    Set<Part> parts = EnumSet.of(Part.NORM, Part.RELU);
    int many = VECTORS_PER_BLOCK * VECTOR + VECTOR;
    cases.add(edge("edge:", conv(VECTOR, many, POINT, 1, parts, new Pixels(2, 3, 3))));
    Set<Part> prologue = EnumSet.of(Part.NORM, Part.RELU, Part.PROLOGUE);
    cases.add(edge("edge:", conv(COEFFICIENTS + 8, 16, POINT, 1, prologue, new Pixels(2, 2, 3))));
    cases.add(edge("edge:", OperationShape.plain(Kind.LINEAR, 72, 136, POINT, 9, 1, 1)));
    cases.add(wideSum(many));
  }

  /** Two batch norms of many channels whose sum one convolution reads. */
  private static VerifyCase wideSum(int channels) {
    NetworkBuilder builder = new NetworkBuilder("wide sum", VECTOR);
    Value added = builder.fusedConv(builder.input(), point("added", channels, 1), null, false);
    Value sum = builder.fusedConv(builder.input(), point("sum", channels, 1), added, true);
    Conv last = new Conv("last", VECTOR, POINT, 1, false, null);
    builder.output(VerifyCase.OUT, builder.fusedConv(sum, last, null, true));
    String name = "edge: sum of conv 1x1 %d".formatted(channels);
    return new VerifyCase(name, Level.EDGES, builder.build(), null, 2, 3, 3);
  }

  /** Pools of more rows and columns than a block's, and of windows that do not overlap. */
  private static void pools(List<VerifyCase> cases) {
    Window usual = new Window(3, 2, 1, 1);
    cases.add(edge("edge:", OperationShape.maxPool(8, true, usual, 2, 59, 6)));
    cases.add(edge("edge:", OperationShape.maxPool(72, false, usual, 1, 4, 131)));
    cases.add(edge("edge:", OperationShape.maxPool(8, false, new Window(2, 3, 0, 1), 9, 8, 9)));
    // Sums of many gradients, in each channel enough that show how they are rounded.
    cases.add(edge("edge:", OperationShape.maxPool(8, false, THREE, 2, 20, 21)));
    // Windows of six to eleven columns, of which loops take four at once.
    cases.add(edge("edge:", OperationShape.maxPool(8, false, new Window(11, 1, 5, 1), 2, 3, 12)));
    // Windows of which the first and the last have a single row and column of the image.
    cases.add(edge("edge:", OperationShape.maxPool(8, true, new Window(2, 1, 1, 1), 2, 5, 3)));
    cases.add(edge("edge:", OperationShape.maxPool(24, false, new Window(5, 2, 4, 1), 2, 4, 5)));
    // Squares of nine pixels, which divide nothing exactly, cut in rows and columns, in more
    // vectors than a block has threads.
    cases.add(edge("edge:", OperationShape.meanPool(264, 3, 3, 5, 23)));
    cases.add(edge("edge:", OperationShape.plain(Kind.AVGPOOL, 264, 264, POINT, 6, 6, 7)));
    // A number of pixels that divides nothing exactly, and as many threads in a column as are no
    // power of two.
    cases.add(edge("edge:", OperationShape.plain(Kind.AVGPOOL, 24, 24, POINT, 9, 5, 11)));
  }

  /** Pools and shortcuts between two convolutions, which in int8 pass integers on. */
  private static void betweenConvolutions(List<VerifyCase> cases) {
    for (Kind kind : List.of(Kind.MAXPOOL, Kind.MEANPOOL, Kind.SHORTCUT)) {
      NetworkBuilder builder = new NetworkBuilder("between", VECTOR);
      Value first = builder.fusedConv(builder.input(), point("first", 3 * VECTOR, 1), null, true);
      Value second =
          switch (kind) {
            case MAXPOOL -> {
              Value pooled = builder.maxPool("pool", first, new Window(3, 2, 1, 1));
              yield builder.fusedConv(pooled, point("second", VECTOR, 1), null, true);
            }
            case MEANPOOL -> {
              Value pooled = builder.averagePool("pool", first, 2);
              yield builder.fusedConv(pooled, point("second", VECTOR, 1), null, true);
            }
            default -> {
              Value added = builder.subsampledIdentity("shortcut", first, 2, 5 * VECTOR);
              yield builder.fusedConv(first, point("second", 5 * VECTOR, 2), added, true);
            }
          };
      builder.output(VerifyCase.OUT, second);
      String name = "edge: " + kind + " 24 between conv 1x1";
      cases.add(new VerifyCase(name, Level.EDGES, builder.build(), null, 2, 9, 12));
    }
  }

  /** Gates of more channels and hidden values than a block has, and of few, over two batches. */
  private static void gates(List<VerifyCase> cases) {
    // Two slices of the pixels.
    cases.add(edge("edge:", OperationShape.squeeze(264, true, true, 1, 16, 32)));
    cases.add(
        edge("edge:", OperationShape.squeeze(21, false, true, 3, 2, 4))
            .with(new Regime(Optimizer.Sgd.standard(), Set.of(), 2, false)));
    // A number of pixels that divides nothing exactly, in slices of which the last is smaller.
    cases.add(edge("edge:", OperationShape.squeeze(8, false, false, 2, 17, 31)));
  }

  /** Resizes and concatenations: both ways, to and from larger, and added to what is there. */
  private static void maps(List<VerifyCase> cases) {
    cases.add(edge("edge:", OperationShape.resize(24, 2, 2, 16, 8)));
    // A pixel that more pixels have a share of than a block has threads for it.
    cases.add(edge("edge:", OperationShape.resize(24, 8, 2, 24, 17)));
    // More vectors in a row, and in a pixel, than a block has.
    cases.add(edge("edge:", OperationShape.resize(264, 2, 3, 5, 11)));
    cases.add(edge("edge:", OperationShape.resize(5, 16, 3, 11, 13)));
    // More pixels than the blocks of a single multiprocessor take at once.
    cases.add(
        edge("edge:", OperationShape.concat(5, 3, 3, 31, 32))
            .with(new Division(USUAL, USUAL, 1, true)));
    cases.add(
        edge("edge:", OperationShape.concat(16, 2, 3, 31, 32))
            .with(new Division(USUAL, USUAL, 1, true)));
    // More vectors, and more channels one by one, than a block has.
    cases.add(edge("edge:", OperationShape.concat(1032, 2, 1, 3, 5)));
    cases.add(edge("edge:", OperationShape.concat(130, 2, 2, 3, 7)));
    cases.add(resizedProduct());
    for (int channels : new int[] {VECTOR, 11}) {
      NetworkBuilder builder = new NetworkBuilder("maps", channels);
      Value image = builder.input();
      Value small = builder.averagePool("pool", image, 2);
      Value large = builder.bilinearResize("larger", small, image);
      Value again = builder.bilinearResize("smaller", large, small);
      Value first = builder.concat("first", List.of(again, small));
      builder.output(VerifyCase.OUT, builder.concat("second", List.of(first, small)));
      String name = "edge: maps of " + channels + " larger and smaller";
      cases.add(new VerifyCase(name, Level.EDGES, builder.build(), null, 2, 9, 14));
      cases.add(joinedTwice(channels));
    }
  }

  /** A gradient that a product reads, which cuts off what is not rounded. */
  private static VerifyCase resizedProduct() {
    NetworkBuilder builder = new NetworkBuilder("product", VECTOR);
    Conv conv = new Conv("conv", VECTOR, new Window(1, 2, 0, 1), 1, false, null);
    Value small = builder.fusedConv(builder.input(), conv, null, false);
    builder.output(VerifyCase.OUT, builder.bilinearResize("resize", small, builder.input()));
    String name = "edge: maps of 8 behind conv 1x1/2";
    return new VerifyCase(name, Level.EDGES, builder.build(), null, 2, 31, 37);
  }

  /**
   * An image whose gradient is a sum of parts of two others; many, to show how sums are rounded.
   */
  private static VerifyCase joinedTwice(int channels) {
    NetworkBuilder builder = new NetworkBuilder("joined", channels);
    Value image = builder.input();
    Value first = builder.concat("first", List.of(builder.maxPool("copy", image, POINT), image));
    builder.output(VerifyCase.OUT, builder.concat("second", List.of(first, image)));
    NetworkSpec network = builder.build();
    String name = "edge: maps of " + channels + " joined twice";
    // Each two elements of a vector are rounded by an instruction of their own, single ones by one.
    int images = channels == VECTOR ? 5 : 2;
    return new VerifyCase(name, Level.EDGES, network, network, images, 31, 32);
  }

  /**
   * Of images: more classes than a block keeps, and more of these than it has threads. Of pixels:
   * more of them than a block has, and so many classes that it has fewer.
   */
  private static void losses(List<VerifyCase> cases) {
    cases.add(edge("edge:", OperationShape.loss(4, KEPT_CLASSES + LOSS_THREADS + 6)));
    cases.add(edge("edge:", OperationShape.loss(9, 11)));
    cases.add(edge("edge:", OperationShape.pixelLoss(3, 21, 7, 13)));
    cases.add(edge("edge:", OperationShape.pixelLoss(2, 150, 9, 11)));
  }

  private static OperationShape conv(
      int in, int out, Window window, int groups, Set<Part> parts, Pixels pixels) {
    return new OperationShape(
        Kind.CONV,
        in,
        out,
        parts.contains(Part.PROLOGUE),
        window,
        groups,
        parts.contains(Part.BIAS),
        parts.contains(Part.NORM),
        parts.contains(Part.RESIDUAL),
        parts.contains(Part.RELU),
        pixels.batch(),
        pixels.height(),
        pixels.width());
  }

  private static VerifyCase edge(String label, OperationShape shape) {
    return shape.toCase(label).at(Level.EDGES);
  }
}
