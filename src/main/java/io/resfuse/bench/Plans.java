package io.resfuse.bench;

import io.resfuse.engine.Optimizer;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.tensor.TensorLayout;
import io.resfuse.verify.VerifyCase;
import java.util.Set;

/** What plans are made for. Stateless. */
final class Plans {
  private Plans() {}

  /** The network's only output. */
  static String output(VerifyCase test) {
    return test.network().outputs().keySet().iterator().next();
  }

  static PlanRequest inference(VerifyCase test) {
    return new PlanRequest(
        test.batch(), test.height(), test.width(), TensorLayout.NCHW, Set.of(output(test)));
  }

  static TrainingOptions training(VerifyCase test, Precision precision) {
    return new TrainingOptions(
        test.batch(),
        test.height(),
        test.width(),
        TensorLayout.NCHW,
        precision,
        Set.of(output(test)),
        Set.of(),
        false,
        Optimizer.Sgd.standard());
  }
}
