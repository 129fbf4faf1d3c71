package io.resfuse.bench;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.EngineProvider;
import io.resfuse.engine.Engines;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.TreeSet;

/** Engines and peers by their names. Owns them. Not thread-safe. */
public final class Competitors implements AutoCloseable {
  private final Map<String, Competitor> byName = new LinkedHashMap<>();

  private Competitors() {}

  /**
   * Opens engines, and peers where a {@link CompetitorProvider} on the class path has them.
   *
   * @param names of engines, {@code auto} among them, and of peers
   * @param options device and threads
   * @return all of them, to be closed
   * @throws EngineException if there is no such engine or peer, or it cannot run here
   */
  public static Competitors open(Set<String> names, EngineOptions options) {
    return open(
        names,
        options,
        ServiceLoader.load(CompetitorProvider.class, Competitors.class.getClassLoader()));
  }

  static Competitors open(
      Set<String> names, EngineOptions options, Iterable<CompetitorProvider> providers) {
    Competitors competitors = new Competitors();
    boolean done = false;
    try {
      for (String name : names) {
        Competitor competitor = open(name, options, providers);
        if (competitors.byName.putIfAbsent(competitor.name(), competitor) != null) {
          competitor.close();
        }
      }
      done = true;
      return competitors;
    } finally {
      if (!done) {
        competitors.close();
      }
    }
  }

  private static Competitor open(
      String name, EngineOptions options, Iterable<CompetitorProvider> providers) {
    Set<String> peers = new TreeSet<>();
    for (CompetitorProvider provider : providers) {
      if (provider.names().contains(name)) {
        return provider.open(name, options);
      }
      peers.addAll(provider.names());
    }
    List<String> engines = Engines.providers().stream().map(EngineProvider::name).toList();
    if (!name.equals(Engines.AUTO) && !engines.contains(name)) {
      throw new EngineException(
          "no engine is named '%s', and no peer: there are %s, auto; %s"
              .formatted(
                  name,
                  String.join(", ", engines),
                  peers.isEmpty()
                      ? "peers come with 'benchmarks/run bench'"
                      : "peers: " + String.join(", ", peers)));
    }
    return new EngineCompetitor(Engines.open(name, options));
  }

  /**
   * All.
   *
   * @return in the order in which they were asked for
   */
  public List<Competitor> all() {
    return List.copyOf(byName.values());
  }

  /**
   * The names of all.
   *
   * @return in the order in which they were asked for
   */
  public Set<String> names() {
    return byName.keySet();
  }

  @Override
  public void close() {
    byName.values().forEach(Competitor::close);
  }
}
