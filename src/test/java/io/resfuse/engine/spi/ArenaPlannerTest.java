package io.resfuse.engine.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ArenaPlannerTest {
  private record Life(long bytes, int first, int last, ArenaPlanner.Block block) {}

  @Test
  void blocksThatLiveAtTheSameTimeDoNotMeet() {
    Random random = new Random(7);
    for (int round = 0; round < 50; round++) {
      ArenaPlanner planner = new ArenaPlanner();
      List<Life> lives = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        long bytes = 1L + random.nextInt(100_000);
        int first = random.nextInt(30);
        int last = first + random.nextInt(6);
        lives.add(new Life(bytes, first, last, planner.add(bytes, first, last)));
      }
      long size = planner.plan();
      for (Life a : lives) {
        assertThat(a.block.offset()).isNotNegative();
        assertThat(a.block.offset() + a.bytes).isLessThanOrEqualTo(size);
        for (Life b : lives) {
          boolean sameTime = a.first <= b.last && b.first <= a.last;
          if (!a.equals(b) && sameTime) {
            boolean apart =
                a.block.offset() + a.bytes <= b.block.offset()
                    || b.block.offset() + b.bytes <= a.block.offset();
            assertThat(apart).as("%s and %s", a, b).isTrue();
          }
        }
      }
      assertThat(size).isLessThanOrEqualTo(planner.unshared());
    }
  }

  @Test
  void chainNeedsTwoBlocks() {
    ArenaPlanner planner = new ArenaPlanner();
    for (int i = 0; i < 10; i++) {
      planner.add(4096, i, i + 1);
    }
    assertThat(planner.plan()).isEqualTo(2 * 4096);
    assertThat(planner.unshared()).isEqualTo(10 * 4096);
  }

  @Test
  void buffersLiveFromTheirFirstToTheirLastUse() {
    ArenaBuffer early = new ArenaBuffer(4096);
    ArenaBuffer late = new ArenaBuffer(4096);
    ArenaBuffer meetsBoth = new ArenaBuffer(4096);
    ArenaBuffer unused = new ArenaBuffer(4096);
    early.use(2);
    early.use(0);
    late.use(3);
    meetsBoth.use(3);
    meetsBoth.use(2);
    ArenaPlanner planner = new ArenaPlanner();
    for (ArenaBuffer buffer : List.of(early, late, meetsBoth, unused)) {
      buffer.place(planner);
    }
    assertThat(planner.plan()).isEqualTo(2 * 4096);
    assertThat(late.offset()).isEqualTo(early.offset());
    assertThat(meetsBoth.offset()).isNotEqualTo(early.offset());
    assertThatThrownBy(unused::offset).isInstanceOf(IllegalStateException.class);
  }
}
