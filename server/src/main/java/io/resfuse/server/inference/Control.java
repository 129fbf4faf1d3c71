package io.resfuse.server.inference;

import io.resfuse.server.protocol.ServiceException;
import io.resfuse.server.protocol.ServiceException.Kind;
import io.resfuse.server.repository.ModelRepository;

/** Loading and unloading by request, where whoever started the server allows that. Thread-safe. */
public final class Control {
  private final ModelRepository repository;
  private final boolean allowed;

  /**
   * Of a repository.
   *
   * @param repository the models
   * @param allowed whether clients may change what is loaded
   */
  public Control(ModelRepository repository, boolean allowed) {
    this.repository = repository;
    this.allowed = allowed;
  }

  /**
   * Loads a model as it is now.
   *
   * @param name of the model
   * @throws ServiceException if that is not allowed, or cannot be done
   */
  public void load(String name) {
    requireAllowed();
    repository.load(name);
  }

  /**
   * Closes a model, after the requests that it has.
   *
   * @param name of the model
   * @throws ServiceException if that is not allowed, or there is no such model
   */
  public void unload(String name) {
    requireAllowed();
    repository.unload(name);
  }

  private void requireAllowed() {
    if (!allowed) {
      throw new ServiceException(
          Kind.FORBIDDEN, "models are not loaded and unloaded by request; --control allows it");
    }
  }
}
