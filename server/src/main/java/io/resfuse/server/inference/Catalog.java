package io.resfuse.server.inference;

import io.resfuse.batch.BatchOptions;
import io.resfuse.server.metrics.ServerMetrics;
import io.resfuse.server.protocol.ModelConfiguration;
import io.resfuse.server.protocol.ModelConfiguration.Tensor;
import io.resfuse.server.protocol.ModelMetadata;
import io.resfuse.server.protocol.ModelStatistics;
import io.resfuse.server.protocol.ServiceException;
import io.resfuse.server.repository.ModelRepository;
import io.resfuse.server.repository.ModelState;
import io.resfuse.server.repository.ServedModel;
import java.util.List;
import java.util.function.Function;

/** What clients are told of models, whatever protocol they ask by. Thread-safe. */
public final class Catalog {
  private final ModelRepository repository;
  private final ServerMetrics metrics;

  /**
   * Of a repository.
   *
   * @param repository the models
   * @param metrics what they have done
   */
  public Catalog(ModelRepository repository, ServerMetrics metrics) {
    this.repository = repository;
    this.metrics = metrics;
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

  /**
   * How a model is served.
   *
   * @param name of the model
   * @param version of it; empty for the newest
   * @return as Triton describes models
   * @throws ServiceException if there is none
   */
  public ModelConfiguration configuration(String name, String version) {
    return with(
        name,
        version,
        model -> {
          BatchOptions batching = model.batching();
          return new ModelConfiguration(
              name,
              model.platform(),
              batching.queueSize(),
              model.inputs().stream().map(Tensor::of).toList(),
              model.outputs().values().stream().map(Tensor::of).toList(),
              batching.preferredBatchSizes(),
              batching.maxQueueDelay().toNanos() / 1000,
              batching.queueSize(),
              batching.priorities(),
              InferenceService.usualPriority(batching.priorities()) + 1);
        });
  }

  /**
   * What models have done.
   *
   * @param name of the model; empty for all
   * @param version of it; empty for all
   * @return of the versions that take requests, by name and version
   * @throws ServiceException if there is none of that name and version
   */
  public List<ModelStatistics> statistics(String name, String version) {
    if (!name.isEmpty()) {
      repository.acquire(name, version).release();
    }
    return repository.index().stream()
        .filter(ModelState::isReady)
        .filter(state -> name.isEmpty() || state.name().equals(name))
        .filter(state -> version.isEmpty() || state.version().equals(version))
        .map(state -> metrics.of(state.name(), state.version()).statistics())
        .toList();
  }
}
