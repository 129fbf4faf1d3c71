package io.resfuse.engine.cuda.internal.library;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineContract;
import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Parameters;
import io.resfuse.engine.PlanMemory;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestNetworks;
import io.resfuse.engine.TestNetworks.TestNetwork;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.TrainingPlan;
import io.resfuse.engine.cuda.BackendHost;
import io.resfuse.engine.cuda.SoftCudaExtension;
import io.resfuse.engine.cuda.internal.backend.Backend;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.platform.Settings;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Engines whose convolutions and batch norms are a library's keep the contract of all engines: here
 * the library is {@link HostLoops}, on softcuda.
 */
@ExtendWith(SoftCudaExtension.class)
abstract class LibraryEngineContract extends EngineContract {
  private final HostLoops.Kind kind;
  private final List<Precision> precisions;

  /**
   * The contract for a library.
   *
   * @param kind what the library does at once
   */
  LibraryEngineContract(HostLoops.Kind kind, Precision... precisions) {
    this.kind = kind;
    this.precisions = List.of(precisions);
  }

  @BeforeAll
  static void stepByStep() {
    System.setProperty(Settings.CUDA_SYNC.key(), "true");
  }

  @AfterAll
  static void asBefore() {
    System.clearProperty(Settings.CUDA_SYNC.key());
  }

  /** An operation is timed as a graph, which cannot hold loops of the host. */
  @Override
  protected boolean timesOperations() {
    return false;
  }

  @Override
  protected Engine open(EngineOptions options) {
    return new LoopsEngine(kind);
  }

  @Override
  protected List<Precision> precisions() {
    return precisions;
  }

  /** One library does all in float32: what whole plans do is the same with the others. */
  @Override
  protected List<TestNetwork> networks(Precision precision) {
    boolean all = kind == HostLoops.Kind.FUSED && precision == Precision.FP32;
    return all ? TestNetworks.networks() : TestNetworks.someNetworks();
  }

  /** What they have beside convolutions runs on the kernels that {@code CudaEngineTest} tries. */
  @Override
  protected List<TestNetwork> segmentations(Precision precision) {
    return List.of();
  }

  /** A device and a library per precision. */
  private static final class LoopsEngine implements Engine {
    private final long before = Context.liveObjects();
    private final BackendHost host = new BackendHost(new EngineOptions(0, "softcuda"));
    private final Map<Precision, HostLoops> libraries = new EnumMap<>(Precision.class);

    LoopsEngine(HostLoops.Kind kind) {
      for (Precision precision : Precision.values()) {
        if (whyNot(precision, Mode.TRAINING).isEmpty()) {
          libraries.put(precision, new HostLoops(ElementType.of(precision), kind));
        }
      }
    }

    @Override
    public String name() {
      return "loops";
    }

    @Override
    public String description() {
      return host.description();
    }

    @Override
    public Optional<String> whyNot(Precision precision, Mode mode) {
      return precision == Precision.FP64 || precision == Precision.INT8
          ? Optional.of("the kernels have no " + precision)
          : Optional.empty();
    }

    @Override
    public LoadedNetwork load(NetworkSpec network, Parameters parameters, Precision precision) {
      whyNot(precision, Mode.INFERENCE)
          .ifPresent(
              reason -> {
                throw new EngineException(reason);
              });
      return host.load(network, parameters, precision, backend(precision));
    }

    @Override
    public PlanMemory trainingMemory(NetworkSpec network, TrainingOptions options) {
      return host.trainingMemory(network, options, backend(options.precision()));
    }

    @Override
    public TrainingPlan planTraining(
        NetworkSpec network, Parameters parameters, TrainingOptions options) {
      return host.planTraining(network, parameters, options, backend(options.precision()));
    }

    private Backend backend(Precision precision) {
      return new LibraryBackend(libraries.get(precision));
    }

    /** Nothing that the plans had is left. */
    @Override
    public void close() {
      libraries.forEach(
          (precision, library) -> assertThat(library.open()).as("%s", precision).isZero());
      host.close();
      assertThat(Context.liveObjects()).isEqualTo(before);
    }
  }
}
