package io.resfuse.verify;

import io.resfuse.engine.Engine;
import io.resfuse.engine.KernelSuite;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;

/**
 * Who is held against whom.
 *
 * @param subject what is judged
 * @param against what gives the expected values
 * @param yardstick the reference engine, in fp64 the truth and in a precision what rounding alone
 *     does
 * @param fills the numbers
 * @param memory of what was expected before
 */
record Contest(Subject subject, Subject against, Subject yardstick, Fills fills, Memory memory) {
  Contest {
    if ((subject.precision() == Precision.INT8) != (against.precision() == Precision.INT8)) {
      throw new IllegalArgumentException(
          "int8 is held against int8 only, since it rounds to few steps: "
              + subject.precision()
              + " against "
              + against.precision()
              + " says nothing");
    }
  }

  /** With nothing kept. */
  Contest(Subject subject, Subject against, Subject yardstick, Fills fills) {
    this(subject, against, yardstick, fills, Memory.none());
  }

  /**
   * With the subject dividing its work as a case wants it, and guarding its memory at the edges;
   * other cases show that buffers may share it.
   */
  Contest of(VerifyCase test) {
    Engine engine = subject.engine();
    if (test.division() != null && engine instanceof KernelSuite suite) {
      engine = suite.divided(test.division());
    }
    if (test.level() == Level.EDGES && engine instanceof KernelSuite suite) {
      engine = suite.guarded();
    }
    return engine == subject.engine()
        ? this
        : new Contest(new Subject(engine, subject.precision()), against, yardstick, fills, memory);
  }

  /** Random parameters, in int8 with the integers that they are quantised to. */
  Parameters parameters(VerifyCase test) {
    return isInt8() ? IntegerRungs.parameters(this, test) : fills.random(test.network());
  }

  /** Whether integers are held against integers. */
  boolean isInt8() {
    return subject.precision() == Precision.INT8;
  }

  /** Whether the expected values are the truth itself. */
  boolean isAgainstTruth() {
    return against.engine() == yardstick.engine() && against.precision() == Precision.FP64;
  }

  /** What rounding results to float32, in which engines hand them over, adds at most. */
  double outputUnit() {
    return Math.max(subject.unit(), 0x1p-24)
        + (isAgainstTruth() ? 0x1p-24 : Math.max(against.unit(), 0x1p-24));
  }
}
