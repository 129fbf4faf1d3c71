package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.onednn.Neighbours.Times;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** When threads are told to sleep and to spin, with a scheduler that the test makes up. */
class NeighboursTest {
  private final BlockingQueue<String> told = new LinkedBlockingQueue<>();
  private final Neighbours.Waiting waiting =
      new Neighbours.Waiting() {
        @Override
        public void spin() {
          told.add("spin");
        }

        @Override
        public void sleep(int threads) {
          told.add("sleep " + threads);
        }
      };

  @Test
  void aFewPercentMissedAreNoNeighbour() {
    assertThat(busy(1.90, 0.12, 2)).isFalse();
    assertThat(busy(1.31, 0.70, 2)).isTrue();
    assertThat(busy(0.131, 0.070, 2)).as("a tenth of the time").isTrue();
    assertThat(busy(15.5, 0.5, 16)).isFalse();
    assertThat(busy(15.1, 0.9, 16)).isTrue();
  }

  private static boolean busy(double ran, double missed, int threads) {
    return Neighbours.areBusy(new Times((long) (1e9 * ran), (long) (1e9 * missed), 20), threads);
  }

  @Test
  void threadsSleepBesideANeighbourAndSpinWhenItIsGone() throws InterruptedException {
    Machine machine = new Machine();
    machine.missedShare = 0.4;
    Neighbours neighbours = new Neighbours(machine, waiting);
    neighbours.expect(2);
    assertThat(told.poll(30, TimeUnit.SECONDS)).isEqualTo("sleep 2");
    machine.missedShare = 0.02;
    machine.used = false;
    assertThat(told.poll(1500, TimeUnit.MILLISECONDS)).as("while nothing runs").isNull();
    machine.used = true;
    assertThat(told.poll(30, TimeUnit.SECONDS)).isEqualTo("spin");
    assertThat(told).isEmpty();
  }

  @Test
  void whoSetsThePolicyIsLeftAlone() {
    assertThat(Neighbours.isOurs(Map.of("OMP_NUM_THREADS", "2"))).isTrue();
    assertThat(Neighbours.isOurs(Map.of("OMP_WAIT_POLICY", "active"))).isFalse();
    assertThat(Neighbours.isOurs(Map.of("GOMP_SPINCOUNT", "1000"))).isFalse();
  }

  /** Two threads that miss a share of two CPUs. */
  private static final class Machine implements Neighbours.Scheduler {
    private volatile double missedShare;
    private volatile boolean used = true;
    private long last = System.nanoTime();
    private double ran;
    private double missed;

    @Override
    public Times times() {
      long now = System.nanoTime();
      if (used) {
        missed += 2 * missedShare * (now - last);
        ran += 2 * (1 - missedShare) * (now - last);
      }
      last = now;
      return new Times((long) ran, (long) missed, 20);
    }
  }
}
