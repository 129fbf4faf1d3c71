package io.resfuse.benchmarks.jmh;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.PlanRequest;
import java.nio.FloatBuffer;
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
 * One batch through a network. Forks twice, since code placement differs from process to process; a
 * few warm-up runs suffice, since the work is native code that is generated when the plan is made.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 2)
@Measurement(iterations = 5, time = 3)
@Fork(2)
public class InferenceBenchmark {
  @Param("onednn")
  public String engine;

  @Param({"resnet18", "resnet50"})
  public String network;

  @Param({"1", "8", "32"})
  public int batch;

  @Param({"fp32", "bf16"})
  public String precision;

  private Engine opened;
  private LoadedNetwork loaded;
  private InferencePlan plan;
  private FloatBuffer logits;

  @Setup
  public void prepare() {
    Prepared prepared = Prepared.of(network, Engine.Mode.INFERENCE, batch, precision);
    opened = Engines.open(engine, EngineOptions.defaults());
    loaded = opened.load(prepared.network(), prepared.parameters(), prepared.precision());
    plan = loaded.plan(PlanRequest.logits(batch, prepared.size()));
    plan.input().put(0, prepared.images());
    logits = plan.output("logits");
  }

  @Benchmark
  public float run() {
    plan.run();
    return logits.get(0);
  }

  @TearDown
  public void close() {
    plan.close();
    loaded.close();
    opened.close();
  }
}
