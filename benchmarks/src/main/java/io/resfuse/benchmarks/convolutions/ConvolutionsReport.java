package io.resfuse.benchmarks.convolutions;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.resfuse.bench.report.Machine;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * What was measured, what follows from it, and how good that is.
 *
 * @param machine it was measured on
 * @param kernels {@code avx512} or {@code avx2}
 * @param measured all
 * @param model that follows
 * @param picks how good its choices are, for each number of threads
 * @param errors against float64
 */
record ConvolutionsReport(
    Machine machine,
    String kernels,
    List<Measured> measured,
    CostModel model,
    List<Picks> picks,
    List<Errors> errors) {
  /**
   * How good the model's choices are.
   *
   * @param threads of the measurements
   * @param all measurements
   * @param right where it picks the faster way
   * @param worst by what factor its pick is slower, at most
   * @param mean by what factor its picks are slower than the faster ways, on average
   */
  record Picks(int threads, int all, long right, double worst, double mean) {
    /** A line for people. */
    @Override
    public String toString() {
      return "threads %d: the model picks the faster way %d times of %d; at worst it takes %.2f of the"
              .formatted(threads, right, all, worst)
          + " faster way's time, on average %.3f%n".formatted(mean);
    }
  }

  /**
   * Of a convolution of random numbers, in the L2 norm and relative.
   *
   * @param shape of the convolution
   * @param direct of the direct way
   * @param fast of the fast one
   */
  record Errors(Shape shape, double direct, double fast) {}

  static ConvolutionsReport of(
      Machine machine, String kernels, List<Measured> measured, List<Errors> errors) {
    CostModel model = CostModel.of(measured);
    return new ConvolutionsReport(
        machine, kernels, measured, model, picks(measured, model), errors);
  }

  /** How good the choices of a model are, whatever it was derived from. */
  static List<Picks> picks(List<Measured> measured, CostModel model) {
    List<Picks> picks = new ArrayList<>();
    for (int threads : measured.stream().mapToInt(Measured::threads).distinct().toArray()) {
      List<Double> losses =
          measured.stream()
              .filter(one -> one.threads() == threads)
              .map(one -> loss(one, model))
              .toList();
      picks.add(
          new Picks(
              threads,
              losses.size(),
              losses.stream().filter(loss -> loss == 1).count(),
              losses.stream().max(Comparator.naturalOrder()).orElseThrow(),
              losses.stream().mapToDouble(loss -> loss).average().orElseThrow()));
    }
    return picks;
  }

  private static double loss(Measured one, CostModel model) {
    double picked = model.isFast(one.shape()) ? one.fast() : one.direct();
    return picked / Math.min(one.fast(), one.direct());
  }

  /** What a run has printed as JSON; what follows from its times is derived again. */
  static ConvolutionsReport read(Path file) throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    JsonNode all = mapper.readTree(file.toFile());
    return of(
        mapper.treeToValue(all.get("machine"), Machine.class),
        all.get("kernels").asText(),
        List.of(mapper.treeToValue(all.get("measured"), Measured[].class)),
        List.of(mapper.treeToValue(all.get("errors"), Errors[].class)));
  }

  String json() throws JsonProcessingException {
    return new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValueAsString(this);
  }

  /** For people. */
  String text() {
    StringBuilder text = new StringBuilder(machine + ", " + kernels + "\n\n");
    text.append(
        "%-24s %7s %10s %10s %7s %10s%n"
            .formatted("convolution", "threads", "direct us", "fast us", "share", "by model"));
    for (Measured one : measured) {
      text.append(
          "%-24s %7d %10.1f %10.1f %7.2f %10.2f%n"
              .formatted(
                  one.shape(),
                  one.threads(),
                  one.direct() * 1e6,
                  one.fast() * 1e6,
                  one.share(),
                  model.share(one.shape())));
    }
    for (Errors one : errors) {
      text.append(
          "error of %-24s direct %.1e, fast %.1e%n"
              .formatted(one.shape(), one.direct(), one.fast()));
    }
    picks.forEach(text::append);
    return text.append('\n').append(model.properties(kernels)).toString();
  }
}
