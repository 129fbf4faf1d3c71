package io.resfuse.engine;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Finds and opens engines. */
public final class Engines {
  /** The name that stands for the best engine that can run here. */
  public static final String AUTO = "auto";

  private static final Logger log = LoggerFactory.getLogger(Engines.class);
  private static final Set<String> logged = ConcurrentHashMap.newKeySet();

  private Engines() {}

  /**
   * The engines that there are, whether or not they can run here.
   *
   * @return best first
   */
  public static List<EngineProvider> providers() {
    List<EngineProvider> all = new ArrayList<>();
    ServiceLoader.load(EngineProvider.class, Engines.class.getClassLoader()).forEach(all::add);
    all.sort(Comparator.comparingInt(EngineProvider::priority).reversed());
    return all;
  }

  /**
   * Opens an engine by name.
   *
   * @param name of a provider, or {@link #AUTO}, which takes the first that can run here and logs
   *     once why
   * @param options device and threads
   * @return a new engine, to be closed
   * @throws EngineException if there is no such engine, or it cannot run here: what is missing and
   *     how to get it
   */
  public static Engine open(String name, EngineOptions options) {
    List<EngineProvider> providers = providers();
    if (name.equals(AUTO)) {
      return openBest(providers, options);
    }
    for (EngineProvider provider : providers) {
      if (provider.name().equals(name)) {
        return CappedEngine.of(provider.open(options), options);
      }
    }
    throw new EngineException(
        "no engine is named '"
            + name
            + "'; there are "
            + providers.stream().map(EngineProvider::name).collect(Collectors.joining(", "))
            + " and auto");
  }

  private static Engine openBest(List<EngineProvider> providers, EngineOptions options) {
    StringBuilder reasons = new StringBuilder();
    for (EngineProvider provider : providers) {
      if (provider.priority() < 0) {
        continue;
      }
      EngineProvider.Availability availability = provider.probe(options);
      if (availability.available()) {
        String choice = "engine " + provider.name() + " (" + availability.detail() + ")" + reasons;
        if (logged.add(choice)) {
          log.info("auto chose {}", choice);
        }
        return CappedEngine.of(provider.open(options), options);
      }
      reasons.append("; not ").append(provider.name()).append(": ").append(availability.detail());
    }
    throw new EngineException("no engine can run here" + reasons);
  }
}
