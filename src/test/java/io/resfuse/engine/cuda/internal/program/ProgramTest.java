package io.resfuse.engine.cuda.internal.program;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Buffers live while steps ask for them. */
class ProgramTest {
  private static final int BYTES = 4096;

  private final Timeline timeline = new Timeline();
  private final Program program = new Program(timeline);

  private void step(Buffer... buffers) {
    program.call(
        "a step",
        at -> {
          Arrays.stream(buffers).forEach(at::of);
          return stream -> {};
        });
  }

  @Test
  void whatIsAskedForAgainKeepsItsPlace() {
    Buffer early = timeline.activation(BYTES);
    Buffer between = timeline.activation(BYTES);
    Buffer late = timeline.activation(BYTES);
    step(early);
    step(between);
    step(early, late);
    timeline.plan();
    assertThat(between.offset()).isNotEqualTo(early.offset());
    assertThat(late.offset()).isEqualTo(between.offset());
    assertThat(timeline.activationBytes()).isEqualTo(2 * BYTES);
  }

  @Test
  void whatNoStepAsksForHasNoPlace() {
    Buffer asked = timeline.activation(BYTES);
    Buffer forgotten = timeline.activation(BYTES);
    step(asked, null);
    timeline.plan();
    assertThat(timeline.activationBytes()).isEqualTo(BYTES);
    assertThatThrownBy(forgotten::offset).isInstanceOf(IllegalStateException.class);
  }

  /** Also where one runs before the other begins, in another timeline. */
  @Test
  void guardedBuffersShareNothing() {
    Timeline guarded = new Timeline(true);
    Timeline other = new Timeline(true);
    Buffer early = guarded.activation(BYTES);
    Buffer late = guarded.activation(BYTES);
    Buffer afterwards = other.activation(BYTES);
    new Program(guarded).call("a step", at -> stepOn(at.of(early)));
    new Program(guarded).call("a step", at -> stepOn(at.of(late)));
    new Program(other).call("a step", at -> stepOn(at.of(afterwards)));
    Timeline.plan(guarded, other);
    assertThat(Stream.of(early, late, afterwards).map(Buffer::offset))
        .containsExactlyInAnyOrder(0L, BYTES + Guards.BYTES, 2 * (BYTES + Guards.BYTES));
    assertThat(other.activationBytes()).isEqualTo(3 * (BYTES + Guards.BYTES));
  }

  private static Program.Step stepOn(long address) {
    assertThat(address).isPositive();
    return stream -> {};
  }

  /** So that a kernel that is chosen by whether there is a buffer is chosen alike both times. */
  @Test
  void nothingIsAtZeroAndABufferIsNot() {
    Buffer buffer = timeline.workspace(BYTES);
    program.call(
        "a step",
        at -> {
          assertThat(at.of(null)).isZero();
          assertThat(at.of(buffer)).isPositive();
          return stream -> {};
        });
    timeline.plan();
    assertThat(timeline.workspaceBytes()).isEqualTo(BYTES);
  }
}
