package io.resfuse.engine.onednn;

import io.resfuse.engine.onednn.NativeLibrary.FourArguments;
import io.resfuse.engine.onednn.NativeLibrary.OneArgument;
import io.resfuse.engine.onednn.NativeMemory.Address;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;

/**
 * How threads of libgomp wait, the OpenMP runtime on Linux. It has no function for that, and reads
 * {@code OMP_WAIT_POLICY} only while it is loaded. But it lets threads spin only as long as it has
 * no more of them than there are CPUs, and else has them sleep after a microsecond or two. So a
 * team more, which does nothing but be there, makes all others sleep.
 *
 * <p>Not thread-safe: the team belongs to the thread that calls.
 */
final class GompWaiting implements Neighbours.Waiting {
  private static final long OMP_PAUSE_SOFT = 1;

  /** For as many CPUs as Linux knows. */
  private static final int MASK_BYTES = 1024;

  private final FourArguments parallel;
  private final long body;
  private final OneArgument pause;
  private final int cpus;

  private GompWaiting(FourArguments parallel, long body, OneArgument pause, int cpus) {
    this.parallel = parallel;
    this.body = body;
    this.pause = pause;
    this.cpus = cpus;
  }

  /**
   * What makes this process's threads wait; libgomp must be loaded.
   *
   * @return null if the runtime or the system lacks something that this needs
   */
  static @Nullable GompWaiting find() {
    Pointer parallel = Loader.addressof("GOMP_parallel");
    Pointer body = Loader.addressof("omp_get_num_procs");
    Pointer pause = Loader.addressof("omp_pause_resource_all");
    Pointer affinity = Loader.addressof("sched_getaffinity");
    if (parallel == null || body == null || pause == null || affinity == null) {
      return null;
    }
    int cpus = cpus(new FourArguments(affinity.address()));
    return cpus == 0
        ? null
        : new GompWaiting(
            new FourArguments(parallel.address()),
            body.address(),
            new OneArgument(pause.address()),
            cpus);
  }

  /** On how many CPUs the calling thread may run; 0 if that cannot be said. */
  private static int cpus(FourArguments affinity) {
    try (BytePointer mask = new BytePointer(MASK_BYTES)) {
      Pointer.memset(mask, 0, MASK_BYTES);
      affinity.invoke(0, MASK_BYTES, mask.address());
      int cpus = 0;
      for (int i = 0; i < MASK_BYTES; i++) {
        cpus += Integer.bitCount(mask.get(i) & 0xff);
      }
      return cpus;
    }
  }

  @Override
  public void sleep(int threads) {
    // One of the team is the calling thread, which libgomp does not count.
    parallel.invoke(body, 0, Math.max(0, cpus - threads) + 2);
  }

  @Override
  public void spin() {
    pause.call(new Address(OMP_PAUSE_SOFT));
  }
}
