package io.resfuse.benchmarks.jmh;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One step of training and its parts. The learning rate is zero, so that every step does the same.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 3)
@Measurement(iterations = 5, time = 4)
@Fork(2)
public class TrainingBenchmark {
  @Param("onednn")
  public String engine;

  @Param({"resnet50:16", "resnet20:128"})
  public String work;

  @Param({"fp32", "bf16"})
  public String precision;

  private Engine opened;
  private TrainingPlan plan;
  private int[] labels;

  @Setup
  public void prepare() {
    String[] parts = work.split(":", -1);
    int batch = Integer.parseInt(parts[1]);
    Prepared prepared = Prepared.of(parts[0], Engine.Mode.TRAINING, batch, precision);
    opened = Engines.open(engine, EngineOptions.defaults());
    plan =
        opened.planTraining(
            prepared.network(),
            prepared.parameters(),
            TrainingOptions.standard(batch, prepared.size(), prepared.precision()));
    plan.input().put(0, prepared.images());
    labels = prepared.labels();
    step();
  }

  @Benchmark
  public void forward() {
    plan.forward();
  }

  @Benchmark
  public double step() {
    plan.forward();
    double loss = plan.softmaxCrossEntropy(labels, 0);
    plan.backward(false);
    plan.update(0, 1);
    return loss;
  }

  @TearDown
  public void close() {
    plan.close();
    opened.close();
  }
}
