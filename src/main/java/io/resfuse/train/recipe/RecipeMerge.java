package io.resfuse.train.recipe;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import org.jspecify.annotations.Nullable;

/** Puts values over a recipe in full, whose own values say of which kind each must be. */
final class RecipeMerge {
  private final Problems problems;

  RecipeMerge(Problems problems) {
    this.problems = problems;
  }

  void merge(ObjectNode target, JsonNode changes) {
    merge("", target, changes);
  }

  private void merge(String prefix, ObjectNode target, JsonNode changes) {
    if (!changes.isObject()) {
      problems.add(
          "%s needs names with values, got %s",
          prefix.isEmpty() ? "a recipe" : prefix.substring(0, prefix.length() - 1), changes);
      return;
    }
    boolean open = prefix.equals("transfer.rates.");
    changes
        .properties()
        .forEach(
            entry -> {
              String name = entry.getKey();
              JsonNode present = open ? DoubleNode.valueOf(1) : target.get(name);
              if (present == null) {
                problems.add(
                    "there is no '%s%s'%s", prefix, name, suggestion(prefix, name, target));
              } else if (present instanceof ObjectNode inner) {
                merge(prefix + name + ".", inner, entry.getValue());
              } else {
                JsonNode value = converted(present, entry.getValue());
                if (value == null) {
                  problems.add("%s%s is %s; %s", prefix, name, entry.getValue(), wanted(present));
                } else {
                  target.set(name, value);
                }
              }
            });
  }

  private static @Nullable JsonNode converted(JsonNode kind, JsonNode value) {
    if (kind.isTextual()) {
      return value.isValueNode() && !value.isNull() ? TextNode.valueOf(value.asText()) : null;
    }
    if (kind.isBoolean()) {
      return value.isBoolean() ? value : null;
    }
    if (kind.isArray()) {
      ArrayNode list = ((ArrayNode) kind).arrayNode();
      if (value.isArray()) {
        return value;
      }
      return value.isValueNode() && !value.isNull() ? list.add(value) : null;
    }
    return number(kind.isIntegralNumber(), value);
  }

  /** A number, also where YAML takes one without a point, such as 5e-4, for a text. */
  private static @Nullable JsonNode number(boolean whole, JsonNode value) {
    if (!value.isNumber() && !value.isTextual()) {
      return null;
    }
    try {
      double number = Double.parseDouble(value.asText());
      if (!whole) {
        return DoubleNode.valueOf(number);
      }
      return value.isIntegralNumber() && value.canConvertToLong()
          ? LongNode.valueOf(value.longValue())
          : null;
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private static String wanted(JsonNode kind) {
    if (kind.isTextual()) {
      return "a text is needed";
    }
    if (kind.isBoolean()) {
      return "true or false is needed";
    }
    if (kind.isArray()) {
      return "a list is needed";
    }
    return kind.isIntegralNumber() ? "a whole number is needed" : "a number is needed";
  }

  /** The nearest name at this place, or all of them. */
  private static String suggestion(String prefix, String name, ObjectNode target) {
    String nearest = "";
    int least = Integer.MAX_VALUE;
    StringBuilder all = new StringBuilder();
    for (var entry : target.properties()) {
      all.append(all.isEmpty() ? "" : ", ").append(entry.getKey());
      int distance = distance(name, entry.getKey());
      if (distance < least) {
        least = distance;
        nearest = entry.getKey();
      }
    }
    return least <= 3 ? "; did you mean '" + prefix + nearest + "'?" : "; there are " + all;
  }

  /** Levenshtein's distance. */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int replaced = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(replaced, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
