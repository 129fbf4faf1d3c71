package io.resfuse.engine.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.driver.Driver;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.driver.Graph;
import io.resfuse.engine.cuda.internal.driver.Kernel;
import io.resfuse.engine.cuda.internal.driver.KernelModule;
import io.resfuse.engine.cuda.internal.driver.Launch;
import io.resfuse.engine.cuda.internal.driver.PinnedMemory;
import io.resfuse.engine.cuda.internal.driver.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The driver layer on softcuda: results, errors, ownership. */
@ExtendWith(SoftCudaExtension.class)
class DriverLayerTest {
  /** Writes {@code value + thread} to {@code target[thread]} for {@code count} threads. */
  private static final String PTX =
      """
      .version 7.0
      .target sm_80
      .address_size 64
      .visible .entry count(.param .align 8 .b8 p[16]) .maxntid 64, 1, 1
      {
        .reg .pred %q;
        .reg .b32 %r<4>;
        .reg .b64 %rd<4>;
        ld.param.u64 %rd1, [p];
        ld.param.u32 %r1, [p+8];
        ld.param.u32 %r2, [p+12];
        mov.u32 %r3, %tid.x;
        setp.ge.s32 %q, %r3, %r2;
        @%q bra done;
        cvta.to.global.u64 %rd2, %rd1;
        mul.wide.u32 %rd3, %r3, 4;
        add.s64 %rd2, %rd2, %rd3;
        add.s32 %r1, %r1, %r3;
        st.global.u32 [%rd2], %r1;
      done:
        ret;
      }
      """;

  record Count(long target, int value, int count) {}

  record Other(long target) {}

  private long live;
  private Context context;

  @BeforeEach
  void open() {
    Driver.initialize(SoftCuda::lastReport);
    live = Context.liveObjects();
    context = new Context(Driver.devices().get(0));
  }

  @AfterEach
  void nothingIsLeft() {
    context.close();
    context.close();
    assertThat(Context.liveObjects()).isEqualTo(live);
  }

  @Test
  void kernelsRunAloneAndInGraphs() {
    try (KernelModule module = new KernelModule(context, "test", PTX);
        DeviceMemory memory = new DeviceMemory(context, 256, "the test");
        PinnedMemory host = new PinnedMemory(context, 256, "the test");
        Stream stream = new Stream(context)) {
      Kernel<Count> kernel = module.kernel("count", Count.class);
      Launch launch =
          kernel.launch("test", new Count(memory.address(), 5, 64), Geometry.linear(1, 64));
      assertThat(launch.toString()).contains("count for test", "64 x 1", "count 64");
      assertThat(kernel.residentBlocks(64, 0)).isPositive();
      stream.launch(launch);
      stream.copyToHost(memory, 0, host);
      stream.synchronize("testing");
      assertThat(host.view().asIntBuffer().get(63)).isEqualTo(68);
      try (Graph graph =
          stream.capture(
              () -> {
                stream.zero(memory, 0, 256);
                stream.launch(launch);
                stream.copyToHost(memory, 0, host);
              })) {
        launch.set(launch.offset("value"), 100);
        stream.launch(graph);
        stream.synchronize("testing");
        assertThat(host.view().asIntBuffer().get(3)).as("the graph's own struct").isEqualTo(8);
        stream.launch(launch);
        stream.copyToHost(memory, 0, host);
        stream.synchronize("testing");
        assertThat(host.view().asIntBuffer().get(3)).isEqualTo(103);
      }
    }
  }

  @Test
  void whatCannotBeLaunchedIsRefusedOnTheHost() {
    try (KernelModule module = new KernelModule(context, "test", PTX)) {
      Kernel<Count> kernel = module.kernel("count", Count.class);
      Count count = new Count(0, 0, 0);
      assertThatThrownBy(() -> kernel.launch("here", count, Geometry.linear(1, 65)))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("here")
          .hasMessageContaining("1 to 64 threads");
      assertThatThrownBy(() -> kernel.launch("here", count, Geometry.linear(1L << 31, 64)))
          .hasMessageContaining("2147483648");
      assertThatThrownBy(
              () -> kernel.launch("here", count, new Geometry(1, 1, 1, 64, 1, 200 * 1024)))
          .hasMessageContaining("204800")
          .hasMessageContaining("shared memory");
      assertThatThrownBy(() -> module.kernel("count", Other.class))
          .hasMessageContaining("16 bytes")
          .hasMessageContaining("8");
      assertThatThrownBy(() -> module.kernel("nothing", Count.class))
          .hasMessageContaining("nothing");
    }
    assertThatThrownBy(() -> new KernelModule(context, "broken", PTX.replace("ret;", "rat;")))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("broken")
        .hasMessageContaining("rat");
  }

  @Test
  void memoryThatIsNotThereIsRefusedWithWhatIs() {
    assertThatThrownBy(() -> new DeviceMemory(context, 1L << 50, "a plan needs 1 PiB"))
        .isInstanceOf(EngineException.class)
        .hasMessageContaining("a plan needs 1 PiB")
        .hasMessageContaining("MiB are free");
  }

  @Test
  void aFaultIsReportedAndSticksToItsContext() {
    try (KernelModule module = new KernelModule(context, "test", PTX);
        DeviceMemory memory = new DeviceMemory(context, 16, "the test");
        Stream stream = new Stream(context)) {
      Kernel<Count> kernel = module.kernel("count", Count.class);
      Count values = new Count(memory.address(), 5, 64);
      stream.launch(kernel.launch("test", values, Geometry.linear(1, 64)));
      assertThatThrownBy(() -> stream.synchronize("running a test"))
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("CUDA_ERROR_ILLEGAL_ADDRESS while running a test")
          .hasMessageContaining("past the end")
          .hasMessageContaining("kernel count");
      assertThatThrownBy(context::synchronize).hasMessageContaining("earlier fault");
    }
    context.close();
    open();
    assertThat(context.freeBytes()).isPositive();
  }
}
