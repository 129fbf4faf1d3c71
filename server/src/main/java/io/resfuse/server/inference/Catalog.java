package io.resfuse.server.inference;

import io.resfuse.server.protocol.ModelMetadata;
import io.resfuse.server.protocol.ServiceException;
import io.resfuse.server.repository.ModelRepository;
import io.resfuse.server.repository.ModelState;
import io.resfuse.server.repository.ServedModel;
import java.util.List;
import java.util.function.Function;

/** What clients are told of models, whatever protocol they ask by. Thread-safe. */
public final class Catalog {
  private final ModelRepository repository;

  /**
   * Of a repository.
   *
   * @param repository the models
   */
  public Catalog(ModelRepository repository) {
    this.repository = repository;
  }

  /**
   * All models and versions.
   *
   * @return by name and version
   */
  public List<ModelState> index() {
    return repository.index();
  }

  /**
   * Whether a model takes requests.
   *
   * @param name of the model
   * @param version of it; empty for the newest
   * @return false if it is not loaded
   * @throws ServiceException if there is none
   */
  public boolean isReady(String name, String version) {
    try {
      repository.acquire(name, version).release();
      return true;
    } catch (ServiceException e) {
      if (e.kind() == ServiceException.Kind.UNAVAILABLE) {
        return false;
      }
      throw e;
    }
  }

  private <T> T with(String name, String version, Function<ServedModel, T> use) {
    ServedModel model = repository.acquire(name, version);
    try {
      return use.apply(model);
    } finally {
      model.release();
    }
  }

  /**
   * A model's inputs and outputs.
   *
   * @param name of the model
   * @param version of it; empty for the newest
   * @return what is known of it
   * @throws ServiceException if there is none
   */
  public ModelMetadata metadata(String name, String version) {
    return with(
        name,
        version,
        model ->
            new ModelMetadata(
                name,
                version.isEmpty() ? repository.versions(name) : List.of(model.version()),
                model.platform(),
                model.inputs(),
                List.copyOf(model.outputs().values())));
  }
}
