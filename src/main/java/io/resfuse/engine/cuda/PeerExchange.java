package io.resfuse.engine.cuda;

import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.driver.Kernel;
import io.resfuse.engine.cuda.internal.driver.Launch;
import io.resfuse.engine.cuda.internal.driver.PinnedMemory;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.kernels.SumSlices;
import io.resfuse.engine.cuda.internal.layout.ParameterSpace;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Resources;
import io.resfuse.engine.spi.GradientExchange;
import io.resfuse.engine.spi.ShardTree;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * The exchange from device to device, by peer copies and a kernel that adds. With N devices and G
 * bytes of gradients each device sends 2 G (N - 1) / N bytes, the least with which all can have the
 * sum of all (Patarasuk and Yuan 2009, "Bandwidth optimal all-reduce algorithms for clusters of
 * workstations"):
 *
 * <ol>
 *   <li>On each device the gradients of its shards are added up, by the lower rounds of the tree.
 *   <li>Device d fetches the d-th part of all other devices' sums and adds them to its own, by the
 *       upper rounds.
 *   <li>It fetches all other parts from the devices that have them.
 *   <li>Shards other than a device's first get the sum from that.
 * </ol>
 *
 * <p>Steps begin when the one before has ended on all devices. Running statistics, of which there
 * are few beside the gradients, go through the host. Nothing is allocated once it is made.
 */
final class PeerExchange implements GradientExchange {
  private static final int THREADS = 256;

  /** Floats that a block adds. */
  private static final int PER_BLOCK = 4 * THREADS;

  private final List<List<Shard>> devices;
  private final int devicesCount;
  private final List<Shard> shards = new ArrayList<>();
  private final Resources resources = new Resources();
  private final List<DeviceMemory> received = new ArrayList<>();
  private final List<List<Launch>> ownAdditions = new ArrayList<>();
  private final List<List<Launch>> partAdditions = new ArrayList<>();
  private final List<PinnedMemory> statistics = new ArrayList<>();
  private final List<FloatBuffer> statisticsFloats = new ArrayList<>();
  private final long gradientsOffset;
  private final long gradientBytes;
  private final long partBytes;
  private final long statisticsOffset;
  private final int statisticsBytes;
  private final ShardTree.Addition statisticsAddition = this::addStatistics;
  private long bytes;
  private long peerBytes;

  /**
   * What a shard's plan has to do with it.
   *
   * @param context of its device
   * @param stream of the plan, idle between calls
   * @param memory in which its parameters lie
   * @param space how they lie there, the same for all
   * @param adding the kernel {@code sumSlices}
   */
  record Shard(
      Context context,
      Stream stream,
      DeviceMemory memory,
      ParameterSpace space,
      Kernel<SumSlices> adding) {}

  /**
   * Allocates.
   *
   * @param devices for each device its shards; a power of two of them, as many on each
   */
  PeerExchange(List<List<Shard>> devices) {
    this.devices = devices;
    this.devicesCount = devices.size();
    devices.forEach(shards::addAll);
    ParameterSpace space = shards.get(0).space();
    this.gradientsOffset = space.gradients().offset();
    this.gradientBytes = space.trainedElements() * Float.BYTES;
    this.partBytes = gradientBytes / devicesCount;
    Buffer masters = space.masters();
    this.statisticsOffset = masters.offset() + space.trainableElements() * Float.BYTES;
    this.statisticsBytes =
        Math.toIntExact(masters.bytes() - space.trainableElements() * Float.BYTES);
    boolean done = false;
    try {
      openMemories();
      prepareAdditions();
      prepareStatistics();
      done = true;
    } finally {
      if (!done) {
        resources.close();
      }
    }
  }

  private void openMemories() {
    for (List<Shard> one : devices) {
      for (List<Shard> other : devices) {
        if (one != other) {
          one.get(0).context().enablePeerAccess(other.get(0).context());
        }
      }
    }
  }

  private void prepareAdditions() {
    long others = devicesCount - 1L;
    for (int d = 0; d < devicesCount; d++) {
      List<Shard> mine = devices.get(d);
      Shard first = mine.get(0);
      DeviceMemory memory =
          new DeviceMemory(
              first.context(), others * partBytes, "exchanging gradients between devices");
      received.add(resources.own(memory, memory::close));
      bytes += memory.bytes();
      List<Launch> own = new ArrayList<>();
      ShardTree.reduce(
          mine.size(),
          (into, from) ->
              add(own, first, gradients(mine.get(into)), gradients(mine.get(from)), gradientBytes));
      ownAdditions.add(own);
      int device = d;
      List<Launch> parts = new ArrayList<>();
      // With numbers from the device's own on, the sum comes out in its own part. That mirrors the
      // tree, whose additions commute.
      ShardTree.reduce(
          devicesCount,
          (into, from) ->
              add(
                  parts,
                  first,
                  part(device, into ^ device),
                  part(device, from ^ device),
                  partBytes));
      partAdditions.add(parts);
    }
  }

  private static void add(List<Launch> launches, Shard on, long into, long from, long bytes) {
    long elements = bytes / Float.BYTES;
    if (elements > 0) {
      launches.add(
          on.adding()
              .launch(
                  "sums of gradients",
                  new SumSlices(from, into, elements, 1, 1),
                  Geometry.linear((elements + PER_BLOCK - 1) / PER_BLOCK, THREADS)));
    }
  }

  private long gradients(Shard shard) {
    return shard.memory().address() + gradientsOffset;
  }

  /** Where a device has its part of another device's sum, or of its own. */
  private long part(int device, int ofDevice) {
    return ofDevice == device
        ? gradients(devices.get(device).get(0)) + device * partBytes
        : received.get(device).address() + slot(device, ofDevice) * partBytes;
  }

  private static int slot(int device, int ofDevice) {
    return ofDevice < device ? ofDevice : ofDevice - 1;
  }

  private void prepareStatistics() {
    if (statisticsBytes > 0) {
      for (Shard shard : shards) {
        PinnedMemory memory =
            new PinnedMemory(
                shard.context(), statisticsBytes, "exchanging running statistics between shards");
        statistics.add(resources.own(memory, memory::close));
        statisticsFloats.add(memory.floats());
        bytes += statisticsBytes;
      }
    }
  }

  @Override
  public void sumGradients() {
    if (gradientBytes == 0) {
      return;
    }
    addOnDevices(ownAdditions);
    if (devicesCount > 1) {
      fetchSummands();
      addOnDevices(partAdditions);
      fetchSums();
    }
    spread();
  }

  private void addOnDevices(List<List<Launch>> additions) {
    for (int d = 0; d < devicesCount; d++) {
      Stream stream = stream(d);
      for (Launch launch : additions.get(d)) {
        stream.launch(launch);
      }
    }
    await();
  }

  private void fetchSummands() {
    for (int d = 0; d < devicesCount; d++) {
      // Each begins with its neighbour, so that no device is asked by all at once.
      for (int k = 1; k < devicesCount; k++) {
        int from = (d + k) % devicesCount;
        stream(d)
            .copy(
                memory(from),
                gradientsOffset + d * partBytes,
                received.get(d),
                slot(d, from) * partBytes,
                partBytes);
        peerBytes += partBytes;
      }
    }
    await();
  }

  private void fetchSums() {
    for (int d = 0; d < devicesCount; d++) {
      for (int k = 1; k < devicesCount; k++) {
        int from = (d + k) % devicesCount;
        long offset = gradientsOffset + from * partBytes;
        stream(d).copy(memory(from), offset, memory(d), offset, partBytes);
        peerBytes += partBytes;
      }
    }
    await();
  }

  private void spread() {
    for (int d = 0; d < devicesCount; d++) {
      List<Shard> mine = devices.get(d);
      for (int i = 1; i < mine.size(); i++) {
        stream(d)
            .copy(memory(d), gradientsOffset, mine.get(i).memory(), gradientsOffset, gradientBytes);
      }
    }
    await();
  }

  private Stream stream(int device) {
    return devices.get(device).get(0).stream();
  }

  private DeviceMemory memory(int device) {
    return devices.get(device).get(0).memory();
  }

  private void await() {
    for (int d = 0; d < devicesCount; d++) {
      stream(d).synchronize("exchanging gradients between devices");
    }
  }

  @Override
  public void averageStatistics() {
    if (statistics.isEmpty()) {
      return;
    }
    for (int s = 0; s < shards.size(); s++) {
      Shard shard = shards.get(s);
      shard.stream().copyToHost(shard.memory(), statisticsOffset, statistics.get(s));
    }
    awaitAll();
    ShardTree.reduce(shards.size(), statisticsAddition);
    FloatBuffer mean = statisticsFloats.get(0);
    for (int i = 0; i < mean.capacity(); i++) {
      mean.put(i, mean.get(i) / shards.size());
    }
    for (int s = 0; s < shards.size(); s++) {
      if (s > 0) {
        statisticsFloats.get(s).put(0, mean, 0, mean.capacity());
      }
      Shard shard = shards.get(s);
      shard.stream().copyToDevice(statistics.get(s), shard.memory(), statisticsOffset);
    }
    awaitAll();
  }

  private void addStatistics(int into, int from) {
    FloatBuffer target = statisticsFloats.get(into);
    FloatBuffer source = statisticsFloats.get(from);
    for (int i = 0; i < target.capacity(); i++) {
      target.put(i, target.get(i) + source.get(i));
    }
  }

  private void awaitAll() {
    for (Shard shard : shards) {
      shard.stream().synchronize("exchanging running statistics between shards");
    }
  }

  /** Bytes that were copied from device to device until now. */
  long peerBytes() {
    return peerBytes;
  }

  @Override
  public long deviceBytes() {
    return received.stream().mapToLong(DeviceMemory::bytes).sum();
  }

  @Override
  public long bytes() {
    return bytes;
  }

  @Override
  public void close() {
    resources.close();
  }
}
