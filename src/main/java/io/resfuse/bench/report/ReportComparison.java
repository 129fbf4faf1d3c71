package io.resfuse.bench.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Two runs held against each other: whether what both timed agrees within their spreads.
 *
 * @param speeds of whole networks, in images per second
 * @param shares of whole networks, of a large product in the same rounds, which a machine that
 *     changes its speed does not move
 * @param layers of single layers, in seconds
 * @param otherMachine whether they ran on different machines
 */
public record ReportComparison(
    List<Pair> speeds, List<Pair> shares, List<Pair> layers, boolean otherMachine) {
  /**
   * What both runs timed.
   *
   * @param what a workload or a layer of one, and by whom
   * @param earlier of one run
   * @param later of the other
   */
  public record Pair(String what, Summary earlier, Summary later) {
    boolean agrees() {
      return earlier.agreesWith(later);
    }
  }

  /**
   * Copies the lists.
   *
   * @param speeds as in the record
   * @param shares as in the record
   * @param layers as in the record
   * @param otherMachine as in the record
   */
  public ReportComparison {
    speeds = List.copyOf(speeds);
    shares = List.copyOf(shares);
    layers = List.copyOf(layers);
  }

  /**
   * Compares.
   *
   * @param earlier a run
   * @param later another
   * @return what both timed
   * @throws IllegalArgumentException if they have nothing in common
   */
  public static ReportComparison of(BenchReport earlier, BenchReport later) {
    List<Pair> speeds = new ArrayList<>();
    List<Pair> shares = new ArrayList<>();
    for (Result mine : later.results()) {
      for (Result other : earlier.results()) {
        if (mine.workload().equals(other.workload())
            && mine.competitor().equals(other.competitor())) {
          String what = mine.competitor() + ", " + mine.workload();
          add(speeds, what, other.imagesPerSecond(), mine.imagesPerSecond());
          add(shares, what, share(other), share(mine));
        }
      }
    }
    List<Pair> layers = new ArrayList<>();
    for (LayerResult mine : later.layers()) {
      for (LayerResult other : earlier.layers()) {
        if (mine.workload().equals(other.workload())
            && mine.competitor().equals(other.competitor())
            && mine.layer().equals(other.layer())) {
          add(
              layers,
              mine.competitor() + ", " + mine.workload() + ", " + mine.layer(),
              other.seconds(),
              mine.seconds());
        }
      }
    }
    if (speeds.isEmpty() && layers.isEmpty()) {
      throw new IllegalArgumentException(
          "the two runs have timed nothing in common; compare runs of the same networks, modes,"
              + " batches, sizes, precisions and engines");
    }
    return new ReportComparison(speeds, shares, layers, !earlier.machine().equals(later.machine()));
  }

  private static void add(
      List<Pair> pairs, String what, @Nullable Summary earlier, @Nullable Summary later) {
    if (earlier != null && later != null) {
      pairs.add(new Pair(what, earlier, later));
    }
  }

  private static @Nullable Summary share(Result result) {
    return result.pace() == null ? null : result.pace().share();
  }

  /**
   * Whether the runs agree on every whole network: in its share, or where one of them has none in
   * images per second.
   *
   * @return false if one differs by more than both spreads together
   */
  public boolean agrees() {
    Set<String> haveShares = shares.stream().map(Pair::what).collect(Collectors.toSet());
    return Stream.concat(
            shares.stream(), speeds.stream().filter(pair -> !haveShares.contains(pair.what())))
        .allMatch(Pair::agrees);
  }

  /**
   * For people.
   *
   * @return a row for every network, and for every layer on which the runs do not agree
   */
  public String text() {
    StringBuilder text = new StringBuilder("Compared with the earlier run:\n");
    if (otherMachine) {
      text.append("that was another machine, or another Java\n");
    }
    List<List<String>> rows = new ArrayList<>();
    speeds.forEach(pair -> rows.add(row(pair, "img/s", 1)));
    shares.forEach(pair -> rows.add(row(pair, "share", 1)));
    layers.stream().filter(pair -> !pair.agrees()).forEach(pair -> rows.add(row(pair, "us", 1e6)));
    text.append(
        BenchTable.aligned(
            List.of("what", "unit", "earlier", "±", "now", "±", "change", "agrees"), rows));
    text.append(
        Text.of(
            "%s networks agree in images per second, %s in their share of a product; %s layers"
                + " agree: their medians are no further apart than both spreads together\n",
            count(speeds), count(shares), count(layers)));
    return text.toString();
  }

  private static String count(List<Pair> pairs) {
    return pairs.stream().filter(Pair::agrees).count() + " of " + pairs.size();
  }

  private static List<String> row(Pair pair, String unit, double scale) {
    return List.of(
        pair.what(),
        unit,
        Text.number(scale * pair.earlier().median()),
        Text.number(scale * pair.earlier().spread()),
        Text.number(scale * pair.later().median()),
        Text.number(scale * pair.later().spread()),
        Text.of("%+.1f%%", 100 * (pair.later().median() / pair.earlier().median() - 1)),
        pair.agrees() ? "yes" : "NO");
  }
}
