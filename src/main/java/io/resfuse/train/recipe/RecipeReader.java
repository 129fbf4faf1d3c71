package io.resfuse.train.recipe;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.exc.InvalidFormatException;
import com.fasterxml.jackson.databind.exc.ValueInstantiationException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.resfuse.data.DataException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes {@link TrainingRecipe}s. What a file leaves out has its default; what it has too
 * much, or of the wrong kind, is an error with a line of its own. Stateless and thread-safe.
 */
public final class RecipeReader {
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .disable(MapperFeature.AUTO_DETECT_IS_GETTERS)
          .enable(MapperFeature.ACCEPT_CASE_INSENSITIVE_ENUMS)
          .enable(DeserializationFeature.READ_ENUMS_USING_TO_STRING)
          .enable(SerializationFeature.WRITE_ENUMS_USING_TO_STRING)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();
  private static final YAMLMapper YAML = new YAMLMapper();

  private RecipeReader() {}

  /**
   * Reads a recipe.
   *
   * @param file YAML or JSON (which is YAML), or null for the defaults
   * @param settings by dotted name ({@code schedule.learning_rate}) what replaces the file's
   * @return the recipe
   * @throws DataException if the file cannot be read or is not YAML
   * @throws IllegalArgumentException with a line per mistake
   */
  public static TrainingRecipe read(@Nullable Path file, Map<String, String> settings) {
    ObjectNode recipe = JSON.valueToTree(TrainingRecipe.defaults());
    Problems problems = new Problems();
    if (file != null) {
      new RecipeMerge(problems).merge(recipe, parse(file));
    }
    settings.forEach((name, value) -> set(recipe, name, value, problems));
    String source = file == null ? "the options cannot be used" : file + " cannot be used";
    problems.throwIfAny(source);
    return bind(recipe, source);
  }

  private static JsonNode parse(Path file) {
    try {
      JsonNode tree = YAML.readTree(Files.readAllBytes(file));
      return tree.isMissingNode() || tree.isNull() ? JSON.createObjectNode() : tree;
    } catch (JsonProcessingException e) {
      String reason = e.getOriginalMessage().lines().findFirst().orElse("unreadable");
      int line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
      throw new DataException(
          "%s: is not YAML (%s, line %d); correct it".formatted(file, reason, line), e);
    } catch (IOException e) {
      throw new DataException(file + ": cannot be read (" + e + "); check the path", e);
    }
  }

  private static void set(ObjectNode recipe, String name, String value, Problems problems) {
    JsonNode parsed;
    try {
      parsed = YAML.readTree(value);
    } catch (JsonProcessingException e) {
      problems.add("%s=%s: the value is not YAML", name, value);
      return;
    }
    List<String> path = new ArrayList<>(Arrays.asList(name.split("\\.", -1)));
    for (int i = path.size() - 1; i >= 0; i--) {
      parsed = JSON.createObjectNode().set(path.get(i), parsed);
    }
    new RecipeMerge(problems).merge(recipe, parsed);
  }

  private static TrainingRecipe bind(JsonNode tree, String source) {
    try {
      return JSON.treeToValue(tree, TrainingRecipe.class);
    } catch (ValueInstantiationException e) {
      if (e.getCause() instanceof IllegalArgumentException cause) {
        throw cause;
      }
      throw new IllegalArgumentException(source + ": " + e.getOriginalMessage(), e);
    } catch (InvalidFormatException e) {
      String path =
          e.getPath().stream().map(part -> part.getFieldName()).collect(Collectors.joining("."));
      Object[] constants = e.getTargetType().getEnumConstants();
      String remedy =
          constants == null
              ? "a " + e.getTargetType().getSimpleName() + " is needed"
              : "there are "
                  + Arrays.stream(constants)
                      .map(Object::toString)
                      .collect(Collectors.joining(", "));
      throw new IllegalArgumentException(
          "%s: %s is '%s'; %s".formatted(source, path, e.getValue(), remedy), e);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(source + ": " + e.getOriginalMessage(), e);
    }
  }

  /**
   * A recipe in full.
   *
   * @param recipe what to write
   * @return indented JSON
   */
  public static String toJson(TrainingRecipe recipe) {
    try {
      return JSON.writeValueAsString(recipe);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Reads what {@link #toJson} wrote.
   *
   * @param json in full
   * @return the recipe
   * @throws IllegalArgumentException if it is something else
   */
  public static TrainingRecipe fromJson(String json) {
    try {
      return bind(JSON.readTree(json), "the stored recipe cannot be used");
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("the stored recipe is not JSON", e);
    }
  }

  /**
   * In what two recipes differ.
   *
   * @param before one
   * @param after the other
   * @return a line per value, {@code schedule.learning_rate: 0.1 -> 0.2}; empty if they are equal
   */
  public static List<String> differences(TrainingRecipe before, TrainingRecipe after) {
    List<String> lines = new ArrayList<>();
    differences("", JSON.valueToTree(before), JSON.valueToTree(after), lines);
    return lines;
  }

  private static void differences(
      String prefix, JsonNode before, JsonNode after, List<String> lines) {
    before
        .properties()
        .forEach(
            entry -> {
              JsonNode old = entry.getValue();
              JsonNode now = after.path(entry.getKey());
              if (old.isObject() && !old.isEmpty()) {
                differences(prefix + entry.getKey() + ".", old, now, lines);
              } else if (!old.equals(now)) {
                lines.add(prefix + entry.getKey() + ": " + old + " -> " + now);
              }
            });
  }
}
