package io.resfuse.server.metrics;

import java.util.List;
import java.util.function.ToLongFunction;

/**
 * Counters under the names of NVIDIA's Triton, for its dashboards, in Prometheus' text format.
 * Written here, since Micrometer has all names of counters end with {@code _total}.
 */
final class TritonText {
  private record Metric(
      String name, String type, String help, ToLongFunction<ModelMetrics> value) {}

  private static final List<Metric> METRICS =
      List.of(
          counter("request_success", "Requests that were answered", m -> m.successes.sum()),
          counter("request_failure", "Requests that failed", m -> m.failures.sum()),
          counter("count", "Images that were computed", m -> m.images.sum()),
          counter("exec_count", "Batches that ran", m -> m.runs.sum()),
          microseconds("request", "From requests to answers", m -> m.requestNanos.sum()),
          microseconds("queue", "In the queue, of all images", m -> m.queueNanos.sum()),
          microseconds("compute_input", "Decoding and normalising", m -> m.preparationNanos.sum()),
          microseconds("compute_infer", "Running batches", m -> m.runNanos.sum()),
          new Metric(
              "nv_inference_pending_request_count",
              "gauge",
              "Images that wait for a batch",
              ModelMetrics::waiting));

  private TritonText() {}

  private static Metric counter(String name, String help, ToLongFunction<ModelMetrics> value) {
    return new Metric("nv_inference_" + name, "counter", help, value);
  }

  private static Metric microseconds(String what, String help, ToLongFunction<ModelMetrics> nanos) {
    return counter(
        what + "_duration_us", help + ", in microseconds", m -> nanos.applyAsLong(m) / 1000);
  }

  static String of(List<ModelMetrics> models) {
    StringBuilder text = new StringBuilder();
    for (Metric metric : METRICS) {
      text.append("# HELP ").append(metric.name).append(' ').append(metric.help).append('\n');
      text.append("# TYPE ").append(metric.name).append(' ').append(metric.type).append('\n');
      for (ModelMetrics model : models) {
        text.append(metric.name);
        text.append("{model=\"")
            .append(escaped(model.model()))
            .append("\",version=\"")
            .append(escaped(model.version()))
            .append("\"} ")
            .append(metric.value.applyAsLong(model))
            .append('\n');
      }
    }
    return text.toString();
  }

  private static String escaped(String label) {
    return label.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
  }
}
