package io.resfuse.server;

import io.resfuse.server.repository.ModelRepository;

/** Whether the server is to be sent requests. Thread-safe. */
public final class Health {
  private final ModelRepository repository;
  private volatile boolean open;

  /**
   * Of a server that is not open yet.
   *
   * @param repository its models
   */
  public Health(ModelRepository repository) {
    this.repository = repository;
  }

  /** The first models are loaded. */
  void open() {
    open = true;
  }

  /** The server is going to end. */
  void drain() {
    open = false;
  }

  /**
   * Whether requests are welcome.
   *
   * @return false before the first models are loaded, when the server is going to end, and while a
   *     model cannot be loaded
   */
  public boolean isReady() {
    return open && repository.isReady();
  }
}
