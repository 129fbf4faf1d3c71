package io.resfuse.server.repository;

/**
 * A line of the repository's index.
 *
 * @param name of the model
 * @param version of it
 * @param state {@code READY} or {@code UNAVAILABLE}
 * @param reason why it is not ready, or why its newest files are not what is served; empty if all
 *     is well
 */
public record ModelState(String name, String version, String state, String reason) {
  /** It takes requests. */
  public static final String READY = "READY";

  /** It does not. */
  public static final String UNAVAILABLE = "UNAVAILABLE";

  /**
   * Whether it takes requests.
   *
   * @return its state
   */
  public boolean isReady() {
    return state.equals(READY);
  }
}
