package io.resfuse.bench;

import io.resfuse.engine.EngineOptions;
import java.util.Set;

/**
 * Knows peers: libraries that are timed beside our engines. Found by {@link
 * java.util.ServiceLoader}. Constructing a provider must load nothing of a peer.
 */
public interface CompetitorProvider {
  /**
   * The peers that it opens.
   *
   * @return their names, as options write them
   */
  Set<String> names();

  /**
   * Opens a peer.
   *
   * @param name one of {@link #names}
   * @param options threads
   * @return a new competitor of that name, to be closed
   */
  Competitor open(String name, EngineOptions options);
}
