package io.resfuse.server.repository;

import io.resfuse.server.metrics.ServerMetrics;
import io.resfuse.server.protocol.ServiceException;
import io.resfuse.server.protocol.ServiceException.Kind;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The models that are served, as they are in folders and files. {@link #scan} brings both together:
 * what is new is loaded; what has changed is loaded, takes the place of what was, which answers the
 * requests that it has and is closed then; what is gone is closed. What cannot be loaded leaves in
 * its place what was. Thread-safe; requests never wait for a scan.
 */
public final class ModelRepository implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(ModelRepository.class);

  private static final String UNLOADED = "unloaded";

  /** A version of a model, loaded or not. */
  private static final class Slot {
    final String name;
    final long version;
    volatile @Nullable ServedModel model;
    volatile String reason = "";

    /** Of the files that were loaded last, or that loading failed for. */
    volatile String fingerprint = "";

    Slot(String name, long version) {
      this.name = name;
      this.version = version;
    }
  }

  private final List<String> sources;
  private final Loading loading;
  private final ServerMetrics metrics;
  private final Map<String, NavigableMap<Long, Slot>> models = new ConcurrentSkipListMap<>();

  /** Models that were unloaded by request; guarded by this. */
  private final Set<String> unloaded = new HashSet<>();

  /** Guarded by this. */
  private boolean closed;

  /** Fingerprints of the scan before, by name and version; guarded by this. */
  private Map<List<String>, String> before = Map.of();

  private final ExecutorService closing =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(task, "resfuse-server-retire");
            thread.setDaemon(true);
            return thread;
          });

  /**
   * Of no models yet.
   *
   * @param sources folders, files, or names of models of the library's
   * @param loading how models are loaded
   * @param metrics told of everything
   */
  public ModelRepository(List<String> sources, Loading loading, ServerMetrics metrics) {
    this.sources = List.copyOf(sources);
    this.loading = loading;
    this.metrics = metrics;
  }

  /**
   * Loads all there is, for the first time.
   *
   * @throws RuntimeException of the first model that cannot be loaded, if none can
   */
  public synchronized void open() {
    RuntimeException first = null;
    Map<List<String>, Found> found = find(true);
    for (Found each : found.values()) {
      RuntimeException failure = load(each);
      first = first == null ? failure : first;
    }
    if (first != null && index().stream().noneMatch(ModelState::isReady)) {
      throw first;
    }
    if (found.isEmpty()) {
      log.warn("no models in {} yet", sources);
    }
  }

  /**
   * Looks whether anything has changed, and follows. A file that changes is taken once it is the
   * same in two scans: until then somebody may be writing it.
   */
  public synchronized void scan() {
    if (closed) {
      return;
    }
    Map<List<String>, Found> found;
    try {
      found = find(false);
    } catch (RuntimeException e) {
      log.error("the models cannot be looked at: {}", e.getMessage());
      return;
    }
    Map<List<String>, String> now = new HashMap<>();
    found.forEach((key, each) -> now.put(key, each.fingerprint()));
    for (Map.Entry<List<String>, Found> entry : found.entrySet()) {
      Found each = entry.getValue();
      boolean settled = each.fingerprint().equals(before.get(entry.getKey()));
      Slot slot = slot(each.name(), each.version());
      boolean changed = slot == null || !slot.fingerprint.equals(each.fingerprint());
      if (settled && changed && !unloaded.contains(each.name())) {
        load(each);
      }
    }
    for (NavigableMap<Long, Slot> versions : models.values()) {
      for (Slot slot : versions.values()) {
        List<String> key = List.of(slot.name, Long.toString(slot.version));
        if (!now.containsKey(key) && !before.containsKey(key)) {
          log.info("model {} version {} is gone", slot.name, slot.version);
          remove(slot);
        }
      }
    }
    before = now;
  }

  private Map<List<String>, Found> find(boolean first) {
    Map<List<String>, Found> found = new TreeMap<>(ModelRepository::compare);
    for (String source : sources) {
      for (Found each : RepositoryScan.scan(source)) {
        Found other = found.putIfAbsent(List.of(each.name(), Long.toString(each.version())), each);
        if (other != null && first) {
          log.warn(
              "two models are called {} (version {}): {} is served, {} is not",
              each.name(),
              each.version(),
              other.weights(),
              each.weights());
        }
      }
    }
    return found;
  }

  private static int compare(List<String> a, List<String> b) {
    int names = a.get(0).compareTo(b.get(0));
    return names != 0 ? names : Long.compare(Long.parseLong(a.get(1)), Long.parseLong(b.get(1)));
  }

  /** Loads, or reloads; gives why not. */
  private @Nullable RuntimeException load(Found found) {
    Slot slot =
        models
            .computeIfAbsent(found.name(), name -> new ConcurrentSkipListMap<>())
            .computeIfAbsent(found.version(), version -> new Slot(found.name(), version));
    slot.fingerprint = found.fingerprint();
    long begin = System.nanoTime();
    ServedModel loaded;
    try {
      loaded =
          ServedModel.load(
              found, loading, metrics.of(found.name(), Long.toString(found.version())));
    } catch (RuntimeException | Error e) {
      // An Error is that of one file, too: that memory is short, or that a mapped file was cut.
      String why = e.getMessage() == null ? e.toString() : e.getMessage();
      slot.reason = why;
      log.error(
          "model {} version {} is not served{}: {}",
          found.name(),
          found.version(),
          slot.model == null ? "" : " as it is now, but as it was",
          why);
      return e instanceof RuntimeException failure ? failure : new IllegalStateException(why, e);
    }
    ServedModel old = slot.model;
    slot.reason = "";
    slot.model = loaded;
    retire(old);
    log.info(
        "model {} version {} is {}served, after {} ms",
        found.name(),
        found.version(),
        old == null ? "" : "replaced and ",
        (System.nanoTime() - begin) / 1_000_000);
    return null;
  }

  private void retire(@Nullable ServedModel old) {
    if (old != null) {
      closing.execute(old::retire);
    }
  }

  private void remove(Slot slot) {
    NavigableMap<Long, Slot> versions = models.get(slot.name);
    if (versions != null) {
      versions.remove(slot.version);
      if (versions.isEmpty()) {
        models.remove(slot.name);
      }
    }
    ServedModel old = slot.model;
    slot.model = null;
    retire(old);
  }

  private @Nullable Slot slot(String name, long version) {
    NavigableMap<Long, Slot> versions = models.get(name);
    return versions == null ? null : versions.get(version);
  }

  /**
   * A model that stays open until it is released.
   *
   * @param name of the model
   * @param version of it; empty for the newest that takes requests
   * @return the model, to be {@link ServedModel#release}d
   * @throws ServiceException if there is none
   */
  public ServedModel acquire(String name, String version) {
    while (true) {
      ServedModel model = current(name, version);
      if (model.acquire()) {
        return model;
      }
      // It was replaced just now.
      Thread.onSpinWait();
    }
  }

  private ServedModel current(String name, String version) {
    NavigableMap<Long, Slot> versions = models.get(name);
    if (versions == null) {
      throw new ServiceException(
          Kind.NOT_FOUND, "no model is named '%s'; there are %s".formatted(name, models.keySet()));
    }
    if (version.isEmpty()) {
      String reason = "";
      for (Slot slot : versions.descendingMap().values()) {
        ServedModel model = slot.model;
        if (model != null) {
          return model;
        }
        reason = slot.reason;
      }
      throw unavailable(name, reason);
    }
    Slot slot = number(version) < 0 ? null : versions.get(number(version));
    if (slot == null) {
      throw new ServiceException(
          Kind.NOT_FOUND,
          "model '%s' has no version '%s'; it has %s".formatted(name, version, versions.keySet()));
    }
    ServedModel model = slot.model;
    if (model == null) {
      throw unavailable(name, slot.reason);
    }
    return model;
  }

  private static ServiceException unavailable(String name, String reason) {
    return new ServiceException(
        Kind.UNAVAILABLE,
        "model '%s' is not loaded%s".formatted(name, reason.isEmpty() ? "" : ": " + reason));
  }

  private static long number(String version) {
    return version.matches("[1-9][0-9]{0,17}") ? Long.parseLong(version) : -1;
  }

  /**
   * The versions of a model that take requests.
   *
   * @param name of the model
   * @return ascending; none if there is no such model
   */
  public List<String> versions(String name) {
    List<String> ready = new ArrayList<>();
    NavigableMap<Long, Slot> versions = models.get(name);
    if (versions != null) {
      for (Slot slot : versions.values()) {
        if (slot.model != null) {
          ready.add(Long.toString(slot.version));
        }
      }
    }
    return ready;
  }

  /**
   * All models and versions.
   *
   * @return by name and version
   */
  public List<ModelState> index() {
    List<ModelState> index = new ArrayList<>();
    for (NavigableMap<Long, Slot> versions : models.values()) {
      for (Slot slot : versions.values()) {
        index.add(
            new ModelState(
                slot.name,
                Long.toString(slot.version),
                slot.model == null ? ModelState.UNAVAILABLE : ModelState.READY,
                slot.reason));
      }
    }
    return index;
  }

  /**
   * Whether every model that was found takes requests, but for those that were unloaded by request.
   *
   * @return false if one could not be loaded
   */
  public boolean isReady() {
    return index().stream().allMatch(state -> state.isReady() || state.reason().equals(UNLOADED));
  }

  /**
   * Loads all versions of a model as they are now, whether they have changed or not.
   *
   * @param name of the model
   * @throws ServiceException if there is no such model, or if it cannot be loaded
   */
  public synchronized void load(String name) {
    if (closed) {
      throw new ServiceException(Kind.UNAVAILABLE, "the server ends");
    }
    List<Found> found =
        find(false).values().stream().filter(each -> each.name().equals(name)).toList();
    if (found.isEmpty()) {
      throw new ServiceException(
          Kind.NOT_FOUND, "no model is named '%s' in %s".formatted(name, sources));
    }
    unloaded.remove(name);
    for (Found each : found) {
      RuntimeException failure = load(each);
      if (failure != null) {
        throw new ServiceException(
            Kind.INVALID,
            "model '%s' cannot be loaded: %s".formatted(name, failure.getMessage()),
            failure);
      }
    }
  }

  /**
   * Closes all versions of a model, after the requests that they have; it stays so until {@link
   * #load(String)}.
   *
   * @param name of the model
   * @throws ServiceException if there is no such model
   */
  public synchronized void unload(String name) {
    NavigableMap<Long, Slot> versions = models.get(name);
    if (versions == null) {
      throw new ServiceException(
          Kind.NOT_FOUND, "no model is named '%s'; there are %s".formatted(name, models.keySet()));
    }
    unloaded.add(name);
    for (Slot slot : versions.values()) {
      ServedModel old = slot.model;
      slot.reason = UNLOADED;
      slot.model = null;
      retire(old);
    }
  }

  /**
   * Closes all models, also those that were retired before: batches that run are answered, what
   * waits in queues is rejected. Nothing is loaded from now on. Idempotent.
   */
  @Override
  public synchronized void close() {
    closed = true;
    for (NavigableMap<Long, Slot> versions : models.values()) {
      for (Slot slot : versions.values()) {
        ServedModel old = slot.model;
        slot.model = null;
        retire(old);
      }
    }
    models.clear();
    // Interrupts those who retire models, who then reject what waits.
    closing.shutdownNow();
    try {
      if (!closing.awaitTermination(60, TimeUnit.SECONDS)) {
        log.error("models are still in use after 60 seconds");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
