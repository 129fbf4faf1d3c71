package io.resfuse.bench.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class ConditionsTest {
  @Test
  void sayWhatSystemsDoNotTell() {
    Conditions unknown = new Conditions(Double.NaN, Double.NaN, Double.NaN, List.of());
    assertThat(unknown.notes(unknown, 2))
        .contains("CPU clock: this system does not tell", "load average: this system does not tell")
        .noneMatch(note -> note.contains("NaN"));
  }

  @Test
  void sayHowMuchTheHostTook() {
    Conditions before = new Conditions(2000, 0, 1.5, List.of());
    Conditions after = new Conditions(2100, 1, 2, List.of());
    assertThat(before.notes(after, 2))
        .contains(
            "CPU clock, as Linux tells it: 2000 MHz before, 2100 MHz after",
            "load average: 0.00 before, 1.00 after, on 2 cores",
            "the virtual machine's host took 0.50 s of its cores for others");
  }
}
