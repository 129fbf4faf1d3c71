package io.resfuse.verify;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.Precision;
import io.resfuse.verify.Check.Status;
import io.resfuse.verify.WrongEngine.Mistake;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;

/**
 * Sends cases up the ladder against the reference engine, which is its owner's: in float64, or in
 * int8 as they are.
 */
final class Ladder {
  private final Engine reference;

  Ladder(Engine reference) {
    this.reference = reference;
  }

  Map<Rung, Check> verify(Engine engine, Precision precision, VerifyCase test) {
    Subject subject = new Subject(engine, precision);
    // Integers are held against the same integers.
    Precision exact = precision == Precision.INT8 ? Precision.INT8 : Precision.FP64;
    Subject truth = new Subject(reference, exact);
    Map<Rung, Check> checks = new EnumMap<>(Rung.class);
    for (Check check : new Verifier(subject, truth, reference, 1).verify(test).checks()) {
      checks.put(check.rung(), check);
    }
    assertThat(checks.keySet()).isEqualTo(EnumSet.allOf(Rung.class));
    return checks;
  }

  /** The reference engine with a mistake. */
  Map<Rung, Check> verifyWrong(Precision precision, VerifyCase test, Mistake mistake) {
    return verify(WrongEngine.of(reference, mistake), precision, test);
  }

  /** What comes after a wrong update is wrong, too, and not looked at. */
  static void assertOnlyMissed(Map<Rung, Check> checks, Rung... missed) {
    List<Rung> got =
        checks.values().stream()
            .filter(check -> check.status() == Status.MISSED)
            .map(Check::rung)
            .filter(rung -> rung != Rung.NEXT)
            .toList();
    assertThat(got).as("%s", checks.values()).containsExactly(missed);
  }
}
