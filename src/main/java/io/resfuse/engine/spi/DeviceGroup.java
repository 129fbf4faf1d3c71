package io.resfuse.engine.spi;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.Precision;
import io.resfuse.engine.Sharding;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Several devices as one engine. Inference cuts each batch into as many parts as there are devices;
 * training puts the shards of a step on them ({@link ShardedTrainingPlan}). Thread-safe.
 */
public final class DeviceGroup implements Engine {
  private final List<Engine> engines;

  /**
   * Takes over engines.
   *
   * @param engines one for each device, at least one, all of one kind: what a device makes of an
   *     image must not depend on which it is. Closed with this
   */
  public DeviceGroup(List<? extends Engine> engines) {
    if (engines.isEmpty()) {
      throw new IllegalArgumentException("a group needs at least one device");
    }
    this.engines = List.copyOf(engines);
  }

  /**
   * The devices.
   *
   * @return an engine for each
   */
  public List<Engine> engines() {
    return engines;
  }

  private Engine first() {
    return engines.get(0);
  }

  @Override
  public String name() {
    return first().name();
  }

  @Override
  public String description() {
    return engines.size() + " devices, each " + first().description();
  }

  @Override
  public Optional<String> whyNot(Precision precision, Mode mode) {
    return first().whyNot(precision, mode);
  }

  @Override
  public boolean takesPixels() {
    return first().takesPixels();
  }

  @Override
  public boolean hasExactSums() {
    return first().hasExactSums();
  }

  @Override
  public LoadedNetwork load(NetworkSpec network, Parameters parameters, Precision precision) {
    List<LoadedNetwork> loaded = new ArrayList<>();
    boolean done = false;
    try {
      for (Engine engine : engines) {
        loaded.add(engine.load(network, parameters, precision));
      }
      done = true;
    } finally {
      if (!done) {
        loaded.forEach(LoadedNetwork::close);
      }
    }
    return new GroupNetwork(loaded);
  }

  /** On one of the devices. */
  @Override
  public PlanMemory trainingMemory(NetworkSpec network, TrainingOptions options) {
    return first().trainingMemory(network, options);
  }

  /**
   * {@inheritDoc}
   *
   * @throws EngineException if there are several devices: training on them is in shards
   */
  @Override
  public TrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions options) {
    return alone().planTraining(network, parameters, options);
  }

  private Engine alone() {
    if (engines.size() > 1) {
      throw new EngineException(
          "this runs on one device, %d were chosen; only 'resfuse train', with --shards, trains on several"
              .formatted(engines.size()));
    }
    return first();
  }

  @Override
  public TrainingPlan planTraining(
      NetworkSpec network, Parameters parameters, TrainingOptions options, Sharding sharding) {
    return ShardedTrainingPlan.of(engines, network, parameters, options, sharding);
  }

  @Override
  public void close() {
    engines.forEach(Engine::close);
  }

  /** Names and devices. */
  @Override
  public String toString() {
    return name() + " (" + description() + ")";
  }
}
