package io.resfuse.train.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * What a {@link MetricsLog} wrote. Immutable.
 *
 * @param events in the order of the file
 */
public record RunHistory(List<JsonNode> events) {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  /**
   * Copies the list.
   *
   * @param events in the order of the file
   */
  public RunHistory {
    events = List.copyOf(events);
  }

  /**
   * Reads a file of metrics. A last line that was cut short, as a killed process leaves it, is left
   * out.
   *
   * @param file JSON lines; there may be none
   * @return what is in it
   */
  public static RunHistory read(Path file) {
    List<JsonNode> events = new ArrayList<>();
    if (Files.exists(file)) {
      try {
        for (String line : Files.readAllLines(file, StandardCharsets.UTF_8)) {
          JsonNode event = parse(line);
          if (event.isObject()) {
            events.add(event);
          }
        }
      } catch (IOException e) {
        throw new UncheckedIOException(file + " cannot be read: " + e.getMessage(), e);
      }
    }
    return new RunHistory(events);
  }

  private static JsonNode parse(String line) {
    try {
      return MAPPER.readTree(line);
    } catch (JsonProcessingException e) {
      return MAPPER.missingNode();
    }
  }

  /** Without what happened after a step, for a training that resumes there. */
  RunHistory upTo(long step) {
    return filtered(event -> event.path("step").asLong(0) <= step);
  }

  private RunHistory filtered(Predicate<JsonNode> wanted) {
    return new RunHistory(events.stream().filter(wanted).toList());
  }

  /**
   * The events of one kind.
   *
   * @param name {@code step}, {@code epoch}, ...
   * @return in order
   */
  public List<JsonNode> of(String name) {
    return filtered(event -> event.path("event").asText().equals(name)).events();
  }

  /** As the lines of a file. */
  String toLines() {
    StringBuilder text = new StringBuilder();
    events.forEach(event -> text.append(event).append('\n'));
    return text.toString();
  }
}
