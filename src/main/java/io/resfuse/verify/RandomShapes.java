package io.resfuse.verify;

import io.resfuse.engine.Operation.Window;
import io.resfuse.verify.OperationShape.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Operations of random ragged shapes: channels and sizes that fit no tile. */
public final class RandomShapes {
  private RandomShapes() {}

  /**
   * Draws cases.
   *
   * @param count how many
   * @param seed of the draw
   * @return operations, of which most are convolutions
   */
  public static List<VerifyCase> of(int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<VerifyCase> cases = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      cases.add(draw(random).toCase("random " + (i + 1) + ":"));
    }
    return cases;
  }

  private static OperationShape draw(SplittableRandom random) {
    int batch = random.nextInt(1, 4) + 1;
    int height = random.nextInt(1, 24);
    int width = random.nextInt(1, 24);
    int kind = random.nextInt(16);
    if (kind == 0) {
      Window window = new Window(3, 2, 1, 1);
      int channels = random.nextInt(1, 40);
      return OperationShape.maxPool(channels, random.nextBoolean(), window, batch, height, width);
    }
    if (kind == 1) {
      int channels = random.nextInt(1, 70);
      Window point = new Window(1, 1, 0, 1);
      return OperationShape.plain(Kind.AVGPOOL, channels, channels, point, batch, height, width);
    }
    if (kind == 15 && random.nextInt(2) == 0) {
      return OperationShape.meanPool(random.nextInt(1, 40), 2, batch, height, width);
    }
    if (kind == 15) {
      return OperationShape.squeeze(
          random.nextInt(1, 150), random.nextBoolean(), random.nextBoolean(), batch, height, width);
    }
    if (kind == 2) {
      Window point = new Window(1, 1, 0, 1);
      return OperationShape.plain(
          Kind.LINEAR, random.nextInt(1, 150), random.nextInt(1, 70), point, batch, 1, 1);
    }
    if (kind == 3) {
      return OperationShape.loss(batch, random.nextInt(2, 120));
    }
    return convolution(random, batch, height, width);
  }

  private static OperationShape convolution(
      SplittableRandom random, int batch, int height, int width) {
    int kernel = 2 * random.nextInt(4) + 1;
    int dilation = kernel == 3 && random.nextInt(4) == 0 ? 2 : 1;
    int padding = dilation * (kernel / 2);
    int stride = random.nextInt(1, 3);
    int groups = random.nextInt(5) == 0 ? random.nextInt(2, 5) : 1;
    int in = groups * random.nextInt(1, kernel == 1 ? 150 : 40);
    int out = groups * random.nextInt(1, kernel == 1 ? 150 : 40);
    boolean norm = random.nextInt(4) != 0;
    return new OperationShape(
        Kind.CONV,
        in,
        out,
        random.nextInt(3) == 0,
        new Window(kernel, stride, padding, dilation),
        groups,
        !norm,
        norm,
        random.nextBoolean(),
        random.nextBoolean(),
        batch,
        height,
        width);
  }
}
