package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class WorkersTest {
  private static void assertEachItemIsDoneOnce(Workers workers, int count) {
    AtomicIntegerArray runs = new AtomicIntegerArray(count);
    workers.run((item, worker) -> runs.incrementAndGet(item), count);
    for (int i = 0; i < count; i++) {
      assertThat(runs.get(i)).isEqualTo(1);
    }
  }

  @Test
  void eachItemIsDoneOnce() {
    try (Workers workers = new Workers(3)) {
      for (int count = 0; count < 300; count++) {
        assertEachItemIsDoneOnce(workers, count);
      }
    }
  }

  @Test
  void whatABodyThrowsReachesTheCallerAndNobodyWaits() {
    try (Workers workers = new Workers(3)) {
      for (int i = 0; i < 50; i++) {
        assertThatThrownBy(
                () ->
                    workers.run(
                        (item, worker) -> {
                          throw new OutOfMemoryError("planted");
                        },
                        10))
            .isInstanceOf(OutOfMemoryError.class);
        assertThatThrownBy(
                () ->
                    workers.run(
                        (item, worker) -> {
                          if (worker > 0 || item == 9) {
                            throw new IllegalStateException("planted");
                          }
                        },
                        10))
            .isInstanceOf(IllegalStateException.class);
        assertEachItemIsDoneOnce(workers, 10);
      }
    }
  }
}
