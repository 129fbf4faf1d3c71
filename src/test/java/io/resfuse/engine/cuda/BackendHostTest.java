package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.InferencePlan;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.OperationTimer;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.library.Library;
import io.resfuse.engine.cuda.internal.library.LibraryBackend;
import io.resfuse.engine.cuda.internal.library.PreparedConvolution;
import io.resfuse.engine.cuda.internal.library.PreparedNorm;
import io.resfuse.engine.cuda.internal.library.PreparedProduct;
import io.resfuse.engine.cuda.internal.library.PreparedStatistics;
import io.resfuse.engine.cuda.internal.library.PreparedWayBack;
import io.resfuse.model.ResNetConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What a library's engine tells of its device and the times of its operations, on softcuda. */
@ExtendWith(SoftCudaExtension.class)
class BackendHostTest {
  private static final int COPY_BYTES = 1 << 20;
  private static final EngineOptions SOFTCUDA = new EngineOptions(0, "softcuda");

  private long live;

  @BeforeEach
  void countObjects() {
    live = Context.liveObjects();
  }

  @AfterEach
  void nothingLeaks() {
    assertThat(Context.liveObjects()).isEqualTo(live);
  }

  /** Ceilings are measured once per device, so its name is that of the other engine on it. */
  @Test
  void measuresTheDeviceThatItShares() {
    try (CudaEngine engine = new CudaEngine(CudaDevice.find(SOFTCUDA), false, false);
        BackendHost host = new BackendHost(SOFTCUDA)) {
      assertThat(host.deviceName()).startsWith("softcuda as ").isEqualTo(engine.deviceName());
      assertThat(host.copySeconds(COPY_BYTES)).isPositive();
    }
  }

  @Test
  void plansTakeOfWhatIsFreeAndAreTimedByOperation() {
    NetworkSpec network = ResNetConfig.of("resnet20").build();
    Recorder library = new Recorder();
    try (BackendHost host = new BackendHost(SOFTCUDA)) {
      long free = host.freeBytes();
      try (LoadedNetwork loaded =
              host.load(
                  network,
                  TestData.parameters(network),
                  Precision.FP32,
                  new LibraryBackend(library));
          InferencePlan plan = loaded.plan(PlanRequest.logits(2, 32))) {
        assertThat(free - host.freeBytes())
            .isGreaterThan(loaded.memory(PlanRequest.logits(2, 32)).activations());
        library.ran.clear();
        OperationTimer timer = (OperationTimer) plan;
        assertThat(timer.seconds("layer2.0.conv1", () -> {})).isPositive();
        assertThat(library.ran).containsExactly("layer2.0.conv1");
        assertThatThrownBy(() -> timer.seconds("layer9", () -> {}))
            .isInstanceOf(IllegalArgumentException.class);
      }
      assertThat(host.freeBytes()).isEqualTo(free);
    }
  }

  /** A first run may load kernels; all further ones are recorded. */
  @Test
  void timesWorkOnMemoryOfItsOwn() {
    long[] bytes = {COPY_BYTES, 0, 300};
    List<long[]> seen = new ArrayList<>();
    try (BackendHost host = new BackendHost(SOFTCUDA)) {
      long free = host.freeBytes();
      double milliseconds =
          host.timer()
              .milliseconds(
                  bytes,
                  (stream, operands) -> {
                    seen.add(operands);
                    fill(stream, operands[0], COPY_BYTES);
                  });
      assertThat(milliseconds).isPositive();
      assertThat(host.freeBytes()).isEqualTo(free);
      EngineException refusal = new EngineException("not supported");
      assertThatThrownBy(
              () ->
                  host.timer()
                      .milliseconds(
                          bytes,
                          (stream, operands) -> {
                            throw refusal;
                          }))
          .isSameAs(refusal);
      assertThat(host.freeBytes()).as("after a refusal").isEqualTo(free);
    }
    assertThat(seen).hasSizeGreaterThan(2);
    assertThat(seen)
        .allSatisfy(
            operands -> {
              assertThat(operands[0]).isPositive();
              assertThat(operands[1]).isZero();
              assertThat(operands[2]).isPositive().isNotEqualTo(operands[0]);
            });
  }

  private static void fill(Stream stream, long address, long bytes) {
    CUdeviceptr target = new CUdeviceptr().withByteOffset(address);
    CUstream queue = new CUstream(stream.enter());
    assertThat(JCudaDriver.cuMemsetD8Async(target, (byte) 1, bytes, queue)).isZero();
  }

  /** Convolves nothing, and notes what it was to convolve; knows nothing of training. */
  private static final class Recorder implements Library {
    private final List<String> ran = new ArrayList<>();

    @Override
    public PreparedConvolution prepare(Convolution convolution) {
      return new PreparedConvolution() {
        @Override
        public boolean isFused() {
          return false;
        }

        @Override
        public long workspaceBytes() {
          return 0;
        }

        @Override
        public void run(Stream stream, Addresses at) {
          ran.add(convolution.name());
        }

        @Override
        public void close() {}
      };
    }

    @Override
    public PreparedProduct prepare(Product product, Convolution convolution) {
      throw new UnsupportedOperationException();
    }

    @Override
    public PreparedNorm prepare(BatchNorm norm) {
      throw new UnsupportedOperationException();
    }

    @Override
    public Optional<PreparedStatistics> prepare(Convolution convolution, BatchNorm norm) {
      throw new UnsupportedOperationException();
    }

    @Override
    public Optional<PreparedWayBack> prepareWayBack(Convolution convolution, BatchNorm norm) {
      throw new UnsupportedOperationException();
    }
  }
}
