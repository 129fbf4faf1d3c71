package io.resfuse.bench.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.resfuse.engine.Precision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Everything that a benchmark found.
 *
 * @param begun when, by ISO 8601
 * @param machine on what
 * @param before clocks and load before the first measurement
 * @param after clocks and load after the last
 * @param settings how
 * @param competitors what they are by their names
 * @param overheadSeconds what the harness adds to an iteration, measured with an empty body
 * @param ceilings of the devices
 * @param results of whole networks
 * @param layers of single operations
 * @param estimates of softcuda, no measurements; empty where none were asked for
 */
public record BenchReport(
    String begun,
    Machine machine,
    Conditions before,
    Conditions after,
    Settings settings,
    Map<String, String> competitors,
    double overheadSeconds,
    List<Ceiling> ceilings,
    List<Result> results,
    List<LayerResult> layers,
    List<Estimate> estimates) {
  private static final ObjectMapper MAPPER =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  /**
   * Copies the lists.
   *
   * @param begun as in the record
   * @param machine as in the record
   * @param before as in the record
   * @param after as in the record
   * @param settings as in the record
   * @param competitors as in the record
   * @param overheadSeconds as in the record
   * @param ceilings as in the record
   * @param results as in the record
   * @param layers as in the record
   * @param estimates as in the record
   */
  public BenchReport {
    competitors = new TreeMap<>(competitors);
    ceilings = List.copyOf(ceilings);
    results = List.copyOf(results);
    layers = List.copyOf(layers);
    estimates = List.copyOf(estimates);
  }

  /**
   * The same with estimates.
   *
   * @param more what softcuda says
   * @return a report
   */
  public BenchReport withEstimates(List<Estimate> more) {
    return new BenchReport(
        begun,
        machine,
        before,
        after,
        settings,
        competitors,
        overheadSeconds,
        ceilings,
        results,
        layers,
        more);
  }

  /**
   * Reads what {@link #json} wrote.
   *
   * @param json text
   * @return the report
   * @throws IllegalArgumentException if it is none, with the reason
   */
  public static BenchReport parse(String json) {
    try {
      return MAPPER.readValue(json, BenchReport.class);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("no JSON of resfuse bench: " + e.getOriginalMessage(), e);
    }
  }

  /**
   * Reads a file that holds what {@link #json} wrote.
   *
   * @param file that {@code resfuse bench --json} printed into
   * @return the report
   * @throws IOException if reading fails
   * @throws IllegalArgumentException if it cannot be read or is something else, with the reason
   */
  public static BenchReport read(Path file) throws IOException {
    if (!Files.isReadable(file)) {
      throw new IllegalArgumentException(
          file + " cannot be read; give a file that 'resfuse bench --json' printed into");
    }
    try {
      return parse(Files.readString(file));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(file + " is " + e.getMessage(), e);
    }
  }

  /**
   * Everything, for programs.
   *
   * @return an object with the fields of this record; numbers that were not measured are {@code
   *     "NaN"} or null
   */
  public String json() {
    try {
      return MAPPER.writeValueAsString(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Whether every answer was right, and something was timed.
   *
   * @return false if a competitor answered otherwise than float64 loops
   */
  public boolean passed() {
    return results.stream().noneMatch(result -> result.status() == Result.Status.WRONG)
        && results.stream().anyMatch(result -> result.status() == Result.Status.TIMED);
  }

  /**
   * The harness's own share of the shortest iteration.
   *
   * @return between 0 and 1; NaN if nothing was timed
   */
  public double overheadShare() {
    double shortest = Double.NaN;
    for (Result result : results) {
      Percentiles latency = result.latency();
      if (latency != null && !(latency.p50() >= shortest)) {
        shortest = latency.p50();
      }
    }
    return overheadSeconds / shortest;
  }

  /** How the speed of the devices wandered, by precision. */
  private List<String> paces() {
    Map<Precision, double[]> extremes = new TreeMap<>();
    for (Result result : results) {
      Pace pace = result.pace();
      if (pace != null) {
        Summary product = pace.flopPerSecond();
        double[] both = {product.lower(), product.upper()};
        extremes.merge(
            result.workload().precision(),
            both,
            (a, b) -> new double[] {Math.min(a[0], b[0]), Math.max(a[1], b[1])});
      }
    }
    List<String> notes = new ArrayList<>();
    extremes.forEach(
        (precision, both) ->
            notes.add(
                Text.of(
                    "a large product in %s computed %s to %s TFLOP/s in the rounds (quartiles)",
                    precision, Text.number(both[0] / 1e12), Text.number(both[1] / 1e12))));
    return notes;
  }

  /**
   * What to know about the numbers, for people.
   *
   * @return a line each
   */
  public List<String> notes() {
    List<String> notes = new ArrayList<>(before.notes(after, machine.cores()));
    notes.add(
        Text.of(
            "the harness adds %.0f ns to an iteration, %.4f%% of the shortest",
            1e9 * overheadSeconds, 100 * overheadShare()));
    notes.addAll(paces());
    results.stream()
        .filter(result -> result.precision() != result.workload().precision())
        .map(result -> "(%s)".formatted(result.precision()))
        .distinct()
        .forEach(mark -> notes.add(mark + ": a peer that has not the precision of its row"));
    if (competitors.values().stream().anyMatch(text -> text.contains("softcuda"))) {
      notes.add("softcuda emulates a GPU: its times say nothing about one");
    }
    return notes;
  }
}
