package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.resfuse.engine.cuda.SoftCuda;
import io.resfuse.engine.cuda.internal.driver.Context;
import io.resfuse.engine.cuda.internal.driver.DeviceMemory;
import io.resfuse.engine.cuda.internal.driver.Driver;
import io.resfuse.engine.cuda.internal.driver.Geometry;
import io.resfuse.engine.cuda.internal.driver.Kernel;
import io.resfuse.engine.cuda.internal.driver.KernelModule;
import io.resfuse.engine.cuda.internal.driver.Stream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;

/**
 * Runs one kernel on arrays. Every run happens twice: once in allocations that end where the array
 * ends, unpoisoned, so that softcuda sees what goes beyond them or reads what nobody wrote, and,
 * unless softcuda's checkers are on, once between guard zones, with outputs poisoned by NaN. Inputs
 * must stay as they were, guards intact, and both runs must give the same bits; {@link KernelBits}
 * compares these with another process that had another {@code SOFTCUDA_SEED}.
 */
final class KernelHarness {
  private static final int GUARD_BYTES = 512;
  private static final byte GUARD = (byte) 0xa5;
  private static final byte POISON = (byte) 0xff;
  private static final Path FOLDER = Path.of("cuda-kernels/ptx");
  private static final Map<String, KernelModule> MODULES = new HashMap<>();
  private static final Map<String, String> MODULE_OF_KERNEL = new HashMap<>();
  private static final boolean CHECKED = System.getenv("SOFTCUDA_CHECK") != null;
  private static final int CHECKED_STRIDE = 5;
  private static Context context;

  private KernelHarness() {}

  /** What a run wrote, and what it took. */
  static final class Result {
    private final Map<String, HostArray> arrays;
    private final Counters counters;

    Result(Map<String, HostArray> arrays, Counters counters) {
      this.arrays = arrays;
      this.counters = counters;
    }

    HostArray array(String name) {
      return arrays.get(name);
    }

    double[] get(String name) {
      return array(name).values();
    }

    Counters counters() {
      return counters;
    }
  }

  /**
   * What softcuda counted.
   *
   * @param json all of it
   * @param arrayBytes of inputs, outputs and twice of what is read and written
   */
  record Counters(JsonNode json, long arrayBytes) {
    long get(String name) {
      return json.get(name).asLong();
    }

    /** Bytes moved between the multiprocessors and memory, in whole sectors. */
    long movedBytes() {
      return 32 * (get("globalLoadSectors") + get("globalStoreSectors"));
    }

    /** Shared-memory wavefronts against the conflict-free count. */
    double conflicts() {
      long least = get("sharedLoadWavefrontsLeast") + get("sharedStoreWavefrontsLeast");
      return least == 0
          ? 1
          : (double) (get("sharedLoadWavefronts") + get("sharedStoreWavefronts")) / least;
    }
  }

  /** The device's memory of one run; each method gives an address. */
  static final class Memory {
    private final boolean guarded;
    private final List<Block> blocks = new ArrayList<>();

    private record Block(
        String name, HostArray before, Format format, DeviceMemory memory, int guard, int bytes) {}

    Memory(boolean guarded) {
      this.guarded = guarded;
    }

    /** An array that the kernel reads; null gives 0. */
    long input(HostArray array) {
      return array == null ? 0 : add(null, array, array.format(), array.bytes().remaining());
    }

    /** An array that the kernel writes all of. */
    long output(String name, Format format, int elements) {
      return add(name, null, format, elements * format.bytes());
    }

    /** An array that the kernel reads and writes. */
    long inOut(String name, HostArray array) {
      return add(name, array, array.format(), array.bytes().remaining());
    }

    private long add(String name, HostArray before, Format format, int bytes) {
      int guard = guarded ? GUARD_BYTES : 0;
      DeviceMemory memory = new DeviceMemory(context, bytes + 2L * guard, "a test");
      if (guarded) {
        ByteBuffer fill = ByteBuffer.allocateDirect(bytes + 2 * guard);
        for (int i = 0; i < fill.capacity(); i++) {
          fill.put(i, i < guard || i >= guard + bytes ? GUARD : POISON);
        }
        memory.write(0, fill);
      }
      if (before != null) {
        memory.write(guard, before.bytes().duplicate());
      }
      blocks.add(new Block(name, before, format, memory, guard, bytes));
      return memory.address() + guard;
    }

    private Map<String, HostArray> results() {
      Map<String, HostArray> results = new LinkedHashMap<>();
      for (Block block : blocks) {
        ByteBuffer all =
            ByteBuffer.allocateDirect(block.bytes + 2 * block.guard).order(ByteOrder.LITTLE_ENDIAN);
        block.memory.read(0, all);
        for (int i = 0; i < block.guard; i++) {
          if (all.get(i) != GUARD || all.get(block.guard + block.bytes + i) != GUARD) {
            throw new AssertionError("the kernel wrote beside '" + block.name + "'");
          }
        }
        ByteBuffer content = all.slice(block.guard, block.bytes).order(ByteOrder.LITTLE_ENDIAN);
        if (block.name != null) {
          results.put(block.name, new HostArray(block.format, content));
        } else if (!content.equals(block.before.bytes())) {
          throw new AssertionError("the kernel changed an input");
        }
      }
      return results;
    }

    private long arrayBytes() {
      return blocks.stream()
          .mapToLong(block -> block.bytes * (block.name != null && block.before != null ? 2L : 1L))
          .sum();
    }

    private long inputBits() {
      CRC32C crc = new CRC32C();
      for (Block block : blocks) {
        if (block.before != null) {
          crc.update(block.before.bytes().duplicate());
        }
      }
      return crc.getValue();
    }

    private void free() {
      blocks.forEach(block -> block.memory.close());
    }
  }

  /**
   * All of many similar runs, or every fifth under softcuda's checkers, which are slow. Runs in
   * four formats, three times each, are all met: five has no factor in common with twelve.
   */
  static <T> java.util.stream.Stream<T> affordable(List<T> runs) {
    return IntStream.range(0, runs.size())
        .filter(i -> !CHECKED || i % CHECKED_STRIDE == 0)
        .mapToObj(runs::get);
  }

  /** Runs a kernel and checks what holds for every kernel. */
  static <P extends Record> Result run(
      String kernel, Geometry geometry, Class<P> type, Function<Memory, P> parameters) {
    Result first = run(kernel, geometry, type, parameters, false, false);
    if (CHECKED) {
      // Slow, and the bits are compared with those of the other process anyway.
      return first;
    }
    Result second = run(kernel, geometry, type, parameters, true, false);
    first.arrays.forEach(
        (name, array) ->
            assertThat(second.array(name).bytes())
                .as("the bits of '%s' in a second run of %s, %s", name, kernel, geometry)
                .isEqualTo(array.bytes()));
    return first;
  }

  /** Runs a kernel once, with counters. */
  static <P extends Record> Result count(
      String kernel, Geometry geometry, Class<P> type, Function<Memory, P> parameters) {
    return run(kernel, geometry, type, parameters, false, true);
  }

  private static synchronized <P extends Record> Result run(
      String kernel,
      Geometry geometry,
      Class<P> type,
      Function<Memory, P> parameters,
      boolean guarded,
      boolean counted) {
    Kernel<P> function = module(kernel).kernel(kernel, type);
    Memory memory = new Memory(guarded);
    try (Stream stream = new Stream(context)) {
      P struct = parameters.apply(memory);
      String label = kernel + ", " + geometry;
      SoftCuda.collectCounters(counted);
      stream.launch(function.launch(label, struct, geometry));
      stream.synchronize(label);
      Counters counters = counted ? counters(memory.arrayBytes()) : null;
      Map<String, HostArray> results = memory.results();
      KernelBits.note(
          kernel + geometry + scalars(struct) + memory.inputBits(),
          results.values().stream().map(HostArray::bytes).toList());
      return new Result(results, counters);
    } finally {
      SoftCuda.collectCounters(false);
      memory.free();
    }
  }

  private static Counters counters(long arrayBytes) {
    try {
      return new Counters(
          new ObjectMapper().readTree(SoftCuda.lastCounters().orElseThrow()), arrayBytes);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The struct's values but the addresses, which differ from run to run. */
  private static String scalars(Record struct) {
    return struct.toString().replaceAll("=\\d{10,}", "=address");
  }

  private static KernelModule module(String kernel) {
    try {
      if (context == null) {
        Driver.initialize(SoftCuda::lastReport);
        context = new Context(Driver.devices().get(0));
        for (String line : Files.readAllLines(FOLDER.resolve("manifest.txt"))) {
          String[] word = line.split(" ", -1);
          if (word[0].equals("kernel")) {
            MODULE_OF_KERNEL.put(word[2], word[1]);
          }
        }
      }
      String name = MODULE_OF_KERNEL.get(kernel);
      assertThat(name).as("the module of kernel %s", kernel).isNotNull();
      KernelModule module = MODULES.get(name);
      if (module == null) {
        module = new KernelModule(context, name, Files.readString(FOLDER.resolve(name + ".ptx")));
        MODULES.put(name, module);
      }
      return module;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
