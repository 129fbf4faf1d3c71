package io.resfuse.benchmarks.jmh;

import io.resfuse.bench.Task;
import io.resfuse.bench.report.Workload;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.Precision;
import io.resfuse.model.NetworkConfig;
import io.resfuse.verify.Parity;

/** A task of {@code resfuse bench} with its numbers. */
record Prepared(Task task, Parity data) {
  static Prepared of(String network, Engine.Mode mode, int batch, String precision) {
    NetworkConfig config = NetworkConfig.of(network);
    Workload workload =
        new Workload(network, mode, batch, config.imageSize(), Precision.parse(precision));
    try (Engine reference = Engines.open("reference", EngineOptions.defaults())) {
      return new Prepared(Task.of(workload, config), new Parity(reference, 1));
    }
  }

  NetworkSpec network() {
    return task.test().network();
  }

  int size() {
    return task.workload().size();
  }

  Precision precision() {
    return task.workload().precision();
  }

  Parameters parameters() {
    return data.parameters(network());
  }

  float[] images() {
    return data.images(task.test());
  }

  int[] labels() {
    return data.labels(task.test());
  }
}
