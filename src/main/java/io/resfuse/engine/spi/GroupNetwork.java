package io.resfuse.engine.spi;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.PlanRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** A network on each device of a group. Thread-safe. */
final class GroupNetwork implements LoadedNetwork {
  private final List<LoadedNetwork> networks;
  private final AtomicInteger made = new AtomicInteger();

  /**
   * Takes over networks.
   *
   * @param networks the same on each device
   */
  GroupNetwork(List<LoadedNetwork> networks) {
    this.networks = List.copyOf(networks);
  }

  @Override
  public NetworkSpec network() {
    return networks.get(0).network();
  }

  /** On all devices. */
  @Override
  public long weightBytes() {
    return networks.stream().mapToLong(LoadedNetwork::weightBytes).sum();
  }

  @Override
  public PlanMemory memory(PlanRequest request) {
    List<Integer> sizes = sizes(request.batch());
    if (sizes.size() == 1) {
      return networks.get(0).memory(request);
    }
    PlanMemory sum = SplitInferencePlan.hostMemory(network(), request);
    for (int size : sizes) {
      sum = sum.plus(networks.get(0).memory(request.withBatch(size)));
    }
    return sum;
  }

  /**
   * {@inheritDoc}
   *
   * <p>A batch smaller than the group is on as many devices as it has images; plan by plan the
   * first of these is another one, so that several small plans find all devices.
   */
  @Override
  public InferencePlan plan(PlanRequest request) {
    if (request.onDevice()) {
      throw new EngineException(
          "input and outputs that lie on a device are on one, "
              + networks.size()
              + " were chosen; open an engine for each");
    }
    List<Integer> sizes = sizes(request.batch());
    int first = sizes.size() == networks.size() ? 0 : made.getAndIncrement();
    if (sizes.size() == 1) {
      return on(first).plan(request);
    }
    List<InferencePlan> parts = new ArrayList<>();
    boolean done = false;
    try {
      for (int i = 0; i < sizes.size(); i++) {
        parts.add(on(first + i).plan(request.withBatch(sizes.get(i))));
      }
      InferencePlan plan = new SplitInferencePlan(network(), request, parts);
      done = true;
      return plan;
    } finally {
      if (!done) {
        parts.forEach(InferencePlan::close);
      }
    }
  }

  @Override
  public List<LoadedNetwork> onDevices() {
    return networks;
  }

  private LoadedNetwork on(int device) {
    return networks.get(Math.floorMod(device, networks.size()));
  }

  /** Images of each part, the larger ones first. */
  private List<Integer> sizes(int batch) {
    int parts = Math.min(batch, networks.size());
    List<Integer> sizes = new ArrayList<>();
    for (int i = 0; i < parts; i++) {
      sizes.add(batch / parts + (i < batch % parts ? 1 : 0));
    }
    return sizes;
  }

  @Override
  public void close() {
    networks.forEach(LoadedNetwork::close);
  }
}
