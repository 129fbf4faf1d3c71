package io.resfuse.data.dataset;

import io.resfuse.data.DataException;
import io.resfuse.data.SampleRandom;
import io.resfuse.platform.FileNames;
import io.resfuse.platform.Printable;
import java.io.IOException;
import java.io.InputStream;
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
   * Holds a share of each class out, drawn at random. Files with the same bytes are on one side
   * together, so that what is measured on was not learned from; each class is on both sides.
   *
   * @param all pictures in files
   * @param share of each class, above 0 and below 1, rounded to whole pictures
   * @param seed of the draw; the same pictures and seed give the same parts
   * @return both
   * @throws DataException if a class has too few different pictures, or one cannot be read
   */
  public static Parts holdingOut(Dataset all, double share, long seed) {
    int[] wanted = new int[all.classes().size()];
    for (int i = 0; i < all.size(); i++) {
      wanted[all.label(i)]++;
    }
    for (int label = 0; label < wanted.length; label++) {
      int most = wanted[label] - 1;
      wanted[label] = (int) Math.min(most, Math.max(1, Math.round(share * wanted[label])));
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
      if (held[label] == 0) {
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

  /** The pictures in groups of the same bytes, in the order of their first ones. */
  private static List<int[]> identical(Dataset all) {
    Map<Long, List<Integer>> bySize = new HashMap<>();
    for (int i = 0; i < all.size(); i++) {
      bySize.computeIfAbsent(size(file(all, i)), size -> new ArrayList<>()).add(i);
    }
    Map<Integer, int[]> groups = new TreeMap<>();
    for (List<Integer> same : bySize.values()) {
      Map<String, List<Integer>> byDigest = new LinkedHashMap<>();
      for (int i : same) {
        String digest = same.size() == 1 ? "" : digest(file(all, i));
        byDigest.computeIfAbsent(digest, key -> new ArrayList<>()).add(i);
      }
      for (List<Integer> group : byDigest.values()) {
        groups.put(group.get(0), group.stream().mapToInt(Integer::intValue).toArray());
      }
    }
    return List.copyOf(groups.values());
  }

  private static Path file(Dataset all, int index) {
    @Nullable Path file = all.file(index);
    if (file == null) {
      throw new DataException(
          Printable.of(all.name()) + ": its pictures are no files; give a test part of its own");
    }
    return file;
  }

  /** A file that is not there is told when it is read, as others are; it is like no other. */
  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      return -1;
    }
  }

  private static String digest(Path file) {
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      try (InputStream stream = new DigestInputStream(Files.newInputStream(file), digest)) {
        stream.transferTo(java.io.OutputStream.nullOutputStream());
      }
      return HexFormat.of().formatHex(digest.digest());
    } catch (IOException e) {
      return file.toString();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * What went where, as a list that {@link Datasets#open} takes: {@code path,label,part} per line,
   * paths absolute.
   *
   * @return the text of a CSV file, sorted
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
      String path = FileNames.lasting(file(part, i));
      String label = part.classes().get(part.label(i));
      lines.add(Csv.quoted(path) + "," + Csv.quoted(label) + "," + name + "\n");
    }
  }
}
