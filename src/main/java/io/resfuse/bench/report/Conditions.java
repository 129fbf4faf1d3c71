package io.resfuse.bench.report;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * Clocks and load at a moment: what may explain that one run is slower than another.
 *
 * @param cpuMegahertz of the cores, their mean, as Linux tells it; NaN where it does not
 * @param load processes that want a core, mean of the last minute; NaN where it is not told
 * @param stolenSeconds since the start of a virtual machine, in which its host ran others; NaN
 *     where it is not told
 * @param gpus per GPU clocks, temperature, power and reasons for a lower clock, as nvidia-smi tells
 *     them; empty without it
 */
public record Conditions(
    double cpuMegahertz, double load, double stolenSeconds, List<String> gpus) {
  /** The unit of times in /proc/stat on every Linux for today's processors. */
  private static final double TICKS_PER_SECOND = 100;

  private static final int STOLEN_COLUMN = 8;

  private static final List<String> GPU_QUERY =
      List.of(
          "nvidia-smi",
          "--query-gpu=name,clocks.sm,clocks.mem,temperature.gpu,power.draw,clocks_throttle_reasons.active",
          "--format=csv,noheader");

  /**
   * Copies the list.
   *
   * @param cpuMegahertz as in the record
   * @param load as in the record
   * @param stolenSeconds as in the record
   * @param gpus as in the record
   */
  public Conditions {
    gpus = List.copyOf(gpus);
  }

  /**
   * Those of now.
   *
   * @return what the system tells
   */
  public static Conditions now() {
    double clock =
        Machine.lines(Path.of("/proc/cpuinfo")).stream()
            .filter(line -> line.startsWith("cpu MHz"))
            .mapToDouble(line -> Double.parseDouble(line.substring(line.indexOf(':') + 1)))
            .average()
            .orElse(Double.NaN);
    double load =
        Machine.lines(Path.of("/proc/loadavg")).stream()
            .mapToDouble(line -> Double.parseDouble(line.split(" ", 2)[0]))
            .findFirst()
            .orElse(Double.NaN);
    return new Conditions(clock, load, stolen(Machine.lines(Path.of("/proc/stat"))), gpuLines());
  }

  private static double stolen(List<String> lines) {
    return lines.stream()
        .filter(line -> line.startsWith("cpu "))
        .map(line -> line.split(" +"))
        .filter(columns -> columns.length > STOLEN_COLUMN)
        .mapToDouble(columns -> Long.parseLong(columns[STOLEN_COLUMN]) / TICKS_PER_SECOND)
        .findFirst()
        .orElse(Double.NaN);
  }

  private static List<String> gpuLines() {
    try {
      Process process = new ProcessBuilder(GPU_QUERY).redirectErrorStream(true).start();
      process.getOutputStream().close();
      if (!process.waitFor(10, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        return List.of();
      }
      String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return process.exitValue() == 0
          ? Arrays.stream(text.split("\n", -1))
              .map(String::strip)
              .filter(line -> !line.isEmpty())
              .collect(Collectors.toList())
          : List.of();
    } catch (IOException e) {
      return List.of();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return List.of();
    }
  }

  /** What changed until a later moment, for people. */
  List<String> notes(Conditions later, int cores) {
    List<String> notes = new ArrayList<>();
    notes.add(
        Double.isNaN(cpuMegahertz)
            ? "CPU clock: this system does not tell"
            : Text.of(
                "CPU clock, as Linux tells it: %.0f MHz before, %.0f MHz after",
                cpuMegahertz, later.cpuMegahertz));
    notes.add(
        Double.isNaN(load)
            ? "load average: this system does not tell"
            : Text.of(
                "load average: %.2f before, %.2f after, on %d cores", load, later.load, cores));
    if (load > 0.25 * cores) {
      notes.add("other programs were running before the first measurement: expect noise");
    }
    double stolen = later.stolenSeconds - stolenSeconds;
    if (stolen > 0) {
      notes.add(Text.of("the virtual machine's host took %.2f s of its cores for others", stolen));
    }
    if (gpus.isEmpty()) {
      notes.add("GPU clocks and throttling: not read (no nvidia-smi)");
    }
    for (int i = 0; i < Math.min(gpus.size(), later.gpus.size()); i++) {
      notes.add("GPU before: " + gpus.get(i));
      notes.add("GPU after: " + later.gpus.get(i));
    }
    return notes;
  }
}
