package io.resfuse.data.scene;

import io.resfuse.data.SampleRandom;
import io.resfuse.data.dataset.Dataset;
import io.resfuse.data.image.Image;
import io.resfuse.detect.BoxList;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Makes scenes, for one thread; keeps the last one, whose picture and map are asked for in turn.
 */
final class Composer {
  private static final int FEWEST = 3;
  private static final int MOST = 6;
  private static final int TRIES = 8;
  private static final double SMALLEST = 0.22;
  private static final double LARGEST = 0.6;

  /** Samples of the picture are off by less than this. */
  private static final int GRAIN = 8;

  private final Dataset objects;
  private final int size;
  private int lastIndex = -1;
  private @Nullable Scene last;

  /** A garment that is in the scene: its class, its pixels in all, and those that are seen. */
  private static final class Placed {
    private final int label;
    private final int pixels;
    private int seen;

    Placed(int label, int pixels) {
      this.label = label;
      this.pixels = pixels;
    }
  }

  Composer(Dataset objects, int size) {
    this.objects = objects;
    this.size = size;
  }

  Scene compose(SampleRandom random, int index) {
    Scene kept = last;
    if (kept == null || index != lastIndex) {
      kept = compose(random);
      last = kept;
      lastIndex = index;
    }
    return kept;
  }

  private Scene compose(SampleRandom random) {
    byte[] pixels = new byte[size * size * 3];
    byte[] owners = new byte[size * size];
    Ground.paint(pixels, size, random);
    List<Placed> placed = new ArrayList<>();
    int wanted = FEWEST + random.nextInt(MOST - FEWEST + 1);
    for (int i = 0; i < wanted; i++) {
      int object = random.nextInt(objects.size());
      int side = (int) (size * random.nextDouble(SMALLEST, LARGEST));
      Garment garment = Garment.of(objects.image(object), side, random.happens(0.5));
      int[] colour = Ground.colour(random, 90, 255);
      if (garment.pixels > 0) {
        place(garment, objects.label(object), colour, pixels, owners, placed, random);
      }
    }
    for (int i = 0; i < pixels.length; i++) {
      int value = (pixels[i] & 0xff) + random.nextInt(2 * GRAIN - 1) - GRAIN + 1;
      pixels[i] = (byte) Math.max(0, Math.min(value, 255));
    }
    return scene(pixels, owners, placed);
  }

  /** At the first place where enough is seen of it and of all others; nowhere if there is none. */
  private void place(
      Garment garment,
      int label,
      int[] colour,
      byte[] pixels,
      byte[] owners,
      List<Placed> placed,
      SampleRandom random) {
    int side = garment.side;
    for (int i = 0; i < TRIES; i++) {
      int range = size - side / 2;
      int left = random.nextInt(range) - side / 4;
      int top = random.nextInt(range) - side / 4;
      if (fits(garment, left, top, owners, placed)) {
        Placed own = new Placed(label, garment.pixels);
        placed.add(own);
        paint(garment, left, top, colour, pixels, owners, placed);
        return;
      }
    }
  }

  private boolean fits(Garment garment, int left, int top, byte[] owners, List<Placed> placed) {
    int[] hidden = new int[placed.size()];
    int seen = 0;
    int side = garment.side;
    for (int y = Math.max(0, -top); y < side && top + y < size; y++) {
      for (int x = Math.max(0, -left); x < side && left + x < size; x++) {
        if (garment.inside[y * side + x]) {
          seen++;
          int owner = owners[(top + y) * size + left + x];
          if (owner > 0) {
            hidden[owner - 1]++;
          }
        }
      }
    }
    boolean fits = seen >= Scenes.LEAST_VISIBLE * garment.pixels;
    for (int i = 0; i < hidden.length; i++) {
      Placed other = placed.get(i);
      fits &= other.seen - hidden[i] >= Scenes.LEAST_VISIBLE * other.pixels;
    }
    return fits;
  }

  private void paint(
      Garment garment,
      int left,
      int top,
      int[] colour,
      byte[] pixels,
      byte[] owners,
      List<Placed> placed) {
    int side = garment.side;
    Placed own = placed.get(placed.size() - 1);
    for (int y = Math.max(0, -top); y < side && top + y < size; y++) {
      for (int x = Math.max(0, -left); x < side && left + x < size; x++) {
        if (!garment.inside[y * side + x]) {
          continue;
        }
        int at = (top + y) * size + left + x;
        if (owners[at] > 0) {
          placed.get(owners[at] - 1).seen--;
        }
        own.seen++;
        owners[at] = (byte) placed.size();
        int shade = 80 + (garment.shades[y * side + x] & 0xff) * 175 / 255;
        for (int c = 0; c < 3; c++) {
          pixels[3 * at + c] = (byte) (colour[c] * shade / 255);
        }
      }
    }
  }

  private Scene scene(byte[] pixels, byte[] owners, List<Placed> placed) {
    byte[] map = new byte[owners.length];
    int[][] edges = new int[placed.size()][];
    for (int at = 0; at < owners.length; at++) {
      if (owners[at] > 0) {
        int owner = owners[at] - 1;
        map[at] = (byte) (1 + placed.get(owner).label);
        int x = at % size;
        int y = at / size;
        int[] edge = edges[owner];
        if (edge == null) {
          edge = new int[] {x, y, x, y};
          edges[owner] = edge;
        }
        edge[0] = Math.min(edge[0], x);
        edge[2] = Math.max(edge[2], x);
        edge[3] = y;
      }
    }
    BoxList boxes = new BoxList();
    for (int i = 0; i < edges.length; i++) {
      int[] edge = edges[i];
      Placed own = placed.get(i);
      boxes.add(edge[0], edge[1], edge[2] + 1, edge[3] + 1, own.label, own.seen, false);
    }
    return new Scene(
        Image.rgb(size, size, pixels),
        Image.grey(size, size, map),
        Image.grey(size, size, owners),
        boxes);
  }
}
