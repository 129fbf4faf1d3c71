package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.SampleRandom;
import io.resfuse.data.image.Image;
import io.resfuse.data.image.ImageException;
import io.resfuse.data.image.PixelScratch;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Printable;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What to learn from and what to measure on.
 *
 * @param training pictures
 * @param test pictures, of the same classes in the same order
 * @param heldOut whether the test pictures were held out of one data set that has no such part
 */
public record Parts(Dataset training, Dataset test, boolean heldOut) {
  /** The share of each class that is held out unless another is asked for. */
  public static final double SHARE = 0.2;

  private static final int HOLD_OUT = -8;

  /**
   * Parts that came apart.
   *
   * @param training pictures
   * @param test pictures; their classes are brought into the order of the training pictures', by
   *     their names
   * @return both
   * @throws DataException if the classes have other names
   */
  public static Parts of(Dataset training, Dataset test) {
    List<String> classes = training.classes();
    List<String> others = test.classes();
    if (classes.equals(others)) {
      return new Parts(training, test, false);
    }
    for (String name : classes) {
      requireClass(name, others, test, training);
    }
    for (String name : others) {
      requireClass(name, classes, training, test);
    }
    return new Parts(training, Datasets.withClasses(test, classes), false);
  }

  private static void requireClass(String name, List<String> among, Dataset of, Dataset other) {
    if (!among.contains(name)) {
      throw new DataException(
          "%s and %s have different classes: %s has no '%s'; give both the same"
              .formatted(
                  Printable.of(of.name()),
                  Printable.of(other.name()),
                  Printable.of(of.name()),
                  Printable.of(name)));
    }
  }

  /**
   * What is held out as a share.
   *
   * @param held below 1 the share of each class, else about so many pictures; 0 for {@link #SHARE}
   * @param pictures how many there are
   * @return the share, which makes sense only above 0 and below 1
   */
  public static double share(double held, int pictures) {
    if (held == 0) {
      return SHARE;
    }
    return held < 1 ? held : held / pictures;
  }

  /**
   * Holds a share of each class out, drawn at random. Pictures with the same bytes are on one side
   * together, so that what is measured on was not learned from; each class that has pictures is on
   * both sides.
   *
   * @param all pictures
   * @param share of each class, above 0 and below 1, rounded to whole pictures
   * @param seed of the draw; the same pictures and seed give the same parts
   * @return both
   * @throws DataException if a class has too few different pictures
   */
  public static Parts holdingOut(Dataset all, double share, long seed) {
    int[] sizes = new int[all.classes().size()];
    for (int i = 0; i < all.size(); i++) {
      sizes[all.label(i)]++;
    }
    int[] wanted = new int[sizes.length];
    for (int label = 0; label < sizes.length; label++) {
      int some = Math.max(1, (int) Math.round(share * sizes[label]));
      wanted[label] = Math.min(sizes[label] - 1, some);
    }
    List<int[]> groups = identical(all);
    int[] order = new SampleRandom(seed, HOLD_OUT, HOLD_OUT).permutation(groups.size());
    int[] held = new int[wanted.length];
    boolean[] isHeld = new boolean[all.size()];
    for (int group : order) {
      int[] members = groups.get(group);
      if (fits(all, members, held, wanted)) {
        for (int member : members) {
          isHeld[member] = true;
          held[all.label(member)]++;
        }
      }
    }
    for (int label = 0; label < held.length; label++) {
      if (held[label] == 0 && sizes[label] > 0) {
        throw new DataException(
            "%s: class '%s' has too few different pictures to hold one out; add some, or a test part"
                .formatted(Printable.of(all.name()), Printable.of(all.classes().get(label))));
      }
    }
    IntStream indices = IntStream.range(0, all.size());
    int[] test = indices.filter(i -> isHeld[i]).toArray();
    int[] training = IntStream.range(0, all.size()).filter(i -> !isHeld[i]).toArray();
    return new Parts(all.subset(training), all.subset(test), true);
  }

  private static boolean fits(Dataset all, int[] members, int[] held, int[] wanted) {
    int[] more = held.clone();
    for (int member : members) {
      if (++more[all.label(member)] > wanted[all.label(member)]) {
        return false;
      }
    }
    return true;
  }

  /** The pictures in groups of the same contents, in the order of their first ones. */
  private static List<int[]> identical(Dataset all) {
    Map<Long, List<Integer>> byTrait = new HashMap<>();
    for (int i = 0; i < all.size(); i++) {
      byTrait.computeIfAbsent(all.trait(i), trait -> new ArrayList<>()).add(i);
    }
    Map<Integer, int[]> groups = new TreeMap<>();
    PixelScratch scratch = new PixelScratch();
    for (List<Integer> same : byTrait.values()) {
      Map<String, List<Integer>> byDigest = new LinkedHashMap<>();
      for (int i : same) {
        String digest = same.size() == 1 ? "" : digest(all, i, scratch);
        byDigest.computeIfAbsent(digest, key -> new ArrayList<>()).add(i);
      }
      for (List<Integer> group : byDigest.values()) {
        groups.put(group.get(0), group.stream().mapToInt(Integer::intValue).toArray());
      }
    }
    return List.copyOf(groups.values());
  }

  /**
   * Of the file's bytes, or of the pixels where there is none. What cannot be read is told when it
   * is needed, as others are; it is like no other.
   */
  private static String digest(Dataset all, int index, PixelScratch scratch) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      @Nullable Path file = all.file(index);
      if (file == null) {
        Image image = all.image(index, scratch);
        digest.update(image.pixels());
        return image + " " + HexFormat.of().formatHex(digest.digest());
      }
      try (InputStream stream = new DigestInputStream(Files.newInputStream(file), digest)) {
        stream.transferTo(OutputStream.nullOutputStream());
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (IOException | ImageException e) {
      return "picture " + index;
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * What went where, as a list that {@link Datasets#open} takes: {@code path,label,part} per line,
   * paths absolute.
   *
   * @return the text of a CSV file, sorted
   * @throws DataException if the pictures are not in files of their own
   */
  public String list() {
    List<String> lines = new ArrayList<>();
    add(lines, training, "train");
    add(lines, test, "test");
    String[] sorted = lines.toArray(String[]::new);
    Arrays.sort(sorted);
    return "path,label,part\n" + String.join("", sorted);
  }

  private static void add(List<String> lines, Dataset part, String name) {
    for (int i = 0; i < part.size(); i++) {
      @Nullable Path file = part.file(i);
      if (file == null) {
        throw new DataException(
            Printable.of(part.name())
                + ": its pictures are in no files of their own, so that no list can say which were"
                + " held out; give a test part");
      }
      String path = FileNames.lasting(file);
      String label = part.classes().get(part.label(i));
      lines.add(Csv.quoted(path) + "," + Csv.quoted(label) + "," + name + "\n");
    }
  }
}
