package io.resfuse.engine.cuda;

import io.resfuse.engine.EngineException;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TrainingOptions;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.Driver;
import io.resfuse.engine.cuda.internal.driver.Launch;
import io.resfuse.engine.cuda.internal.driver.Stream;
import io.resfuse.engine.cuda.internal.emit.Toolkit;
import io.resfuse.engine.cuda.internal.kernels.ElementType;
import io.resfuse.engine.cuda.internal.kernels.KernelLibrary;
import io.resfuse.engine.cuda.internal.program.Buffer;
import io.resfuse.engine.cuda.internal.program.Program;
import io.resfuse.engine.cuda.internal.tiles.TileChooser;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;

/**
 * Counts what the launches of a plan do, on softcuda: a look at kernels, not a run of a network. Of
 * long launches only a sample of blocks runs.
 */
public final class KernelReport {
  private KernelReport() {}

  /**
   * A launch and what it did.
   *
   * @param pass {@code forward} or {@code backward}
   * @param label what it does for which operation
   * @param kernel its name, with type and tile
   * @param grid blocks, as in {@code 98 x 1 x 1}
   * @param threads per block
   * @param registers per thread, as ptxas chose for sm_80
   * @param sharedBytes of a block, static and dynamic
   * @param tensors all buffers that it is given, each once
   * @param counters softcuda's counters, a JSON object as {@code native/softcuda/README.md}
   *     describes
   */
  public record Row(
      String pass,
      String label,
      String kernel,
      String grid,
      int threads,
      int registers,
      int sharedBytes,
      List<Tensor> tensors,
      String counters) {
    /**
     * Keeps a copy of the list.
     *
     * @param pass as in the record
     * @param label as in the record
     * @param kernel as in the record
     * @param grid as in the record
     * @param threads as in the record
     * @param registers as in the record
     * @param sharedBytes as in the record
     * @param tensors as in the record
     * @param counters as in the record
     */
    public Row {
      tensors = List.copyOf(tensors);
    }

    /**
     * The size of all buffers that it is given, each once.
     *
     * @return bytes
     */
    public long tensorBytes() {
      return tensors.stream().mapToLong(Tensor::bytes).sum();
    }
  }

  /**
   * A buffer that a launch is given.
   *
   * @param number the same in all launches that are given it
   * @param bytes its size
   */
  public record Tensor(int number, long bytes) {}

  /**
   * Counts the launches of one pass over a batch: those of inference, or of training, forward and
   * backward.
   *
   * @param network which network
   * @param options batch, sizes and precision; for inference only these count
   * @param training whether to count a training plan's launches
   * @param blocks the most blocks to run per launch; 0 for all
   * @return in the order in which they run
   * @throws EngineException if softcuda cannot be loaded, or memory is short
   */
  public static List<Row> count(
      NetworkSpec network, TrainingOptions options, boolean training, long blocks) {
    SoftCuda.load();
    Driver.initialize(SoftCuda::lastReport);
    SoftCuda.sampleBlocks(blocks);
    SoftCuda.collectCounters(true);
    try (Context context = new Context(Driver.devices().get(0));
        KernelLibrary kernels = new KernelLibrary(context);
        PlanLaunches plan =
            PlanLaunches.bind(
                new Toolkit(context.device(), kernels, TileChooser.ESTIMATES),
                context,
                network,
                options,
                training)) {
      List<Row> rows = new ArrayList<>();
      IdentityHashMap<Buffer, Integer> numbers = new IdentityHashMap<>();
      plan.passes().forEach((pass, steps) -> count(pass, steps, plan.stream(), numbers, rows));
      return rows;
    } finally {
      SoftCuda.sampleBlocks(0);
      SoftCuda.collectCounters(false);
    }
  }

  private static void count(
      String pass,
      List<Program.Step> steps,
      Stream stream,
      IdentityHashMap<Buffer, Integer> numbers,
      List<Row> rows) {
    for (Program.Step step : steps) {
      Launch launch = step.launch();
      if (launch == null) {
        continue;
      }
      step.issue(stream);
      stream.synchronize("counting " + launch.label());
      String counters =
          SoftCuda.lastCounters()
              .orElseThrow(() -> new EngineException("softcuda counted nothing"));
      rows.add(
          new Row(
              pass,
              launch.label(),
              launch.kernel().name(),
              launch.geometry().grid(),
              launch.geometry().threads(),
              KernelLibrary.compiledRegisters(launch.kernel().name()),
              launch.kernel().staticSharedBytes() + launch.geometry().sharedBytes(),
              tensors(step, numbers),
              counters));
    }
  }

  private static List<Tensor> tensors(Program.Step step, IdentityHashMap<Buffer, Integer> numbers) {
    List<Tensor> tensors = new ArrayList<>();
    for (Buffer buffer : step.buffers()) {
      Integer number = numbers.computeIfAbsent(buffer, unknown -> numbers.size());
      tensors.add(new Tensor(number, buffer.bytes()));
    }
    return tensors;
  }

  /**
   * The precisions that kernels exist for.
   *
   * @param precision one
   * @param training whether for training
   * @throws IllegalArgumentException if there are no kernels for it
   */
  public static void requirePrecision(Precision precision, boolean training) {
    if (ElementType.of(precision) == ElementType.U8 && training) {
      throw new IllegalArgumentException("int8 is for inference only; train in another precision");
    }
  }
}
