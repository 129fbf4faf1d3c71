package io.resfuse.verify.mutation;

import io.resfuse.engine.Engine;
import io.resfuse.verify.EdgeCases;
import io.resfuse.verify.TrainingCases;
import io.resfuse.verify.VerifyCase;
import java.util.ArrayList;
import java.util.List;

/** Small cases that run every kernel, for mutants: each runs in a fraction of a second. */
public final class MutationCases {
  private MutationCases() {}

  /**
   * The cases.
   *
   * @param engine whose tiles count
   * @return always the same
   */
  public static List<VerifyCase> of(Engine engine) {
    List<VerifyCase> cases = new ArrayList<>(EdgeCases.of(engine));
    cases.addAll(TrainingCases.all());
    return cases;
  }
}
