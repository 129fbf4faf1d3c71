package io.resfuse.engine;

/**
 * Knows one kind of engine without loading anything of it; found by {@link
 * java.util.ServiceLoader}. Constructing a provider must touch no native code.
 */
public interface EngineProvider {
  /**
   * Its name.
   *
   * @return in lower case, {@code onednn}
   */
  String name();

  /**
   * Its place in the order in which {@code auto} tries engines.
   *
   * @return larger is tried earlier; negative: never taken by {@code auto}
   */
  int priority();

  /**
   * Looks whether the engine can run here. Throws nothing.
   *
   * @param options device and threads
   * @return whether, on what, or why not
   */
  Availability probe(EngineOptions options);

  /**
   * Opens the engine.
   *
   * @param options device and threads
   * @return a new engine, to be closed
   * @throws EngineException if it cannot run here
   */
  Engine open(EngineOptions options);

  /**
   * The answer of {@link #probe}.
   *
   * @param available whether the engine can be opened
   * @param detail if available, what it runs on; else what is missing and how to get it
   */
  record Availability(boolean available, String detail) {}
}
