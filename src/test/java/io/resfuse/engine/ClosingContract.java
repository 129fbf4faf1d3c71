package io.resfuse.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.tensor.TensorLayout;
import java.lang.ref.Cleaner;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * An engine, its networks and plans are closed in any order, twice, while they are used, by a
 * cleaner; and threads that are interrupted stay so. Nothing is left then.
 */
public abstract class ClosingContract {
  private final TestNetwork test = TestNetworks.networks().get(0);
  private final Parameters parameters = TestData.parameters(test.network());
  private long before;

  protected abstract Engine open();

  /** What this process holds of what the engine allocates. */
  protected abstract long live();

  @BeforeEach
  final void count() {
    before = live();
  }

  @AfterEach
  final void nothingIsLeft() {
    assertThat(live()).isEqualTo(before);
  }

  private LoadedNetwork load(Engine engine) {
    return engine.load(test.network(), parameters, Precision.FP32);
  }

  private InferencePlan plan(LoadedNetwork network) {
    return network.plan(test.request(TensorLayout.NCHW));
  }

  private TrainingPlan training(Engine engine) {
    return engine.planTraining(test.network(), parameters, test.options(Precision.FP32));
  }

  private Map<String, double[]> run(InferencePlan plan) {
    return Results.inference(plan, test, test.images());
  }

  private static void twice(AutoCloseable resource) throws Exception {
    resource.close();
    resource.close();
  }

  private static void assertClosed(String what, Runnable use) {
    assertThatThrownBy(use::run)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage(what + " is closed");
  }

  /** The engine, a network, a plan: by their first letters. */
  @ParameterizedTest
  @ValueSource(strings = {"enp", "epn", "nep", "npe", "pen", "pne"})
  void closesInAnyOrder(String order) throws Exception {
    Engine engine = open();
    LoadedNetwork network = load(engine);
    InferencePlan plan = plan(network);
    Map<String, double[]> expected = run(plan);
    for (int i = 0; i < order.length(); i++) {
      switch (order.charAt(i)) {
        case 'e' -> {
          twice(engine);
          assertClosed("engine " + engine.name(), () -> load(engine));
          assertClosed("engine " + engine.name(), () -> training(engine));
        }
        case 'n' -> {
          twice(network);
          assertClosed("network " + test.network().name(), () -> plan(network));
        }
        default -> twice(plan);
      }
      if (order.indexOf('p') > i) {
        assertThat(run(plan)).usingRecursiveComparison().isEqualTo(expected);
      }
    }
  }

  @Test
  void networksMakePlansAfterTheEngineIsClosed() {
    Engine engine = open();
    LoadedNetwork network = load(engine);
    engine.close();
    assertThat(network.memory(test.request(TensorLayout.NCHW)).total()).isPositive();
    try (InferencePlan plan = plan(network)) {
      run(plan);
    }
    network.close();
  }

  @Test
  void trainingGoesOnAfterTheEngineIsClosed() {
    Engine engine = open();
    TrainingPlan plan = training(engine);
    engine.close();
    Results.step(plan, test, test.images(), false);
    plan.update(0.1, 1);
    plan.close();
  }

  @Test
  void closingWaitsForTheCallThatRuns() throws Exception {
    Engine engine = open();
    LoadedNetwork network = load(engine);
    InferencePlan plan = plan(network);
    AtomicInteger runs = new AtomicInteger();
    ExecutorService user = Executors.newSingleThreadExecutor();
    Future<?> running =
        user.submit(
            () -> {
              while (true) {
                plan.run();
                runs.incrementAndGet();
              }
            });
    while (runs.get() == 0 && !running.isDone()) {
      Thread.sleep(1);
    }
    engine.close();
    network.close();
    plan.close();
    assertThatThrownBy(running::get)
        .hasRootCauseInstanceOf(IllegalStateException.class)
        .hasRootCauseMessage("this plan of " + test.network().name() + " is closed");
    user.shutdown();
  }

  /** What a program forgets and its cleaner closes, in an order that suits nobody. */
  @Test
  void cleanersClose() throws Exception {
    Cleaner cleaner = Cleaner.create();
    forget(cleaner);
    for (int attempt = 0; live() != before && attempt < 100; attempt++) {
      System.gc();
      Thread.sleep(50);
    }
  }

  private void forget(Cleaner cleaner) {
    Engine engine = open();
    LoadedNetwork network = load(engine);
    InferencePlan plan = plan(network);
    TrainingPlan training = training(engine);
    run(plan);
    cleaner.register(
        new Object(),
        () -> {
          engine.close();
          network.close();
          training.close();
          plan.close();
        });
  }

  @Test
  void interruptedThreadsStayInterruptedAndAreAnswered() {
    try (Engine engine = open();
        LoadedNetwork network = load(engine);
        InferencePlan plan = plan(network);
        TrainingPlan training = training(engine)) {
      Map<String, double[]> expected = run(plan);
      Map<String, double[]> step = Results.step(training, test, test.images(), false);
      Thread.currentThread().interrupt();
      try {
        assertThat(run(plan)).usingRecursiveComparison().isEqualTo(expected);
        assertThat(Results.step(training, test, test.images(), false).keySet())
            .isEqualTo(step.keySet());
        training.update(0.1, 1);
        plan(network).close();
        assertThat(Thread.currentThread().isInterrupted()).isTrue();
      } finally {
        assertThat(Thread.interrupted()).isTrue();
      }
    }
  }

  /** What plans say of their memory is what they take. */
  protected final void assertMemoryIsWhatItTakes(
      Engine engine, LongSupplier used, boolean withHost, long slack) {
    long empty = used.getAsLong();
    try (LoadedNetwork network = load(engine);
        InferencePlan plan = plan(network)) {
      run(plan);
      long taken = used.getAsLong() - empty;
      long said = plan.memory().total() - (withHost ? 0 : plan.memory().host());
      System.out.println(engine.name() + ": a plan says " + said + " bytes, takes " + taken);
      assertThat(taken).isBetween(said, said + slack);
    }
    assertThat(used.getAsLong()).isEqualTo(empty);
    try (TrainingPlan plan = training(engine)) {
      Results.step(plan, test, test.images(), false);
      plan.update(0.1, 1);
      long taken = used.getAsLong() - empty;
      long said = plan.memory().total() - (withHost ? 0 : plan.memory().host());
      System.out.println(engine.name() + ": training says " + said + " bytes, takes " + taken);
      assertThat(taken).isBetween(said, said + slack);
    }
    assertThat(used.getAsLong()).isEqualTo(empty);
  }
}
