package io.resfuse.verify;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.resfuse.engine.Operation.Window;
import io.resfuse.verify.OperationShape.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Set;

/**
 * Reads operations from YAML, JSON (which is YAML) or CSV. YAML is a list of objects such as {@code
 * {op: conv, in: 64, out: 128, kernel: 3, stride: 2, batch: 2, size: 28, bn: true, relu: true}}.
 * Left out, {@code out} is {@code in}, {@code kernel}, {@code stride}, {@code dilation}, {@code
 * groups} and {@code batch} are 1, {@code padding} keeps the size at stride 1, {@code size} is 1
 * (or give {@code height} and {@code width}), and the flags {@code bias}, {@code bn}, {@code
 * residual}, {@code relu} and {@code prologue} are false. CSV has these names in its first line,
 * and an operation in each other; an empty cell is left out, and so are lines that are empty or
 * begin with #.
 */
public final class ShapeFile {
  private static final YAMLMapper YAML = new YAMLMapper();
  private static final Set<String> FIELDS =
      Set.of(
          "op",
          "in",
          "out",
          "kernel",
          "stride",
          "padding",
          "dilation",
          "groups",
          "batch",
          "size",
          "height",
          "width",
          "bias",
          "bn",
          "residual",
          "relu",
          "prologue");

  private final Path file;
  private final String place;
  private final int number;
  private final List<String> columns;
  private final JsonNode node;

  private ShapeFile(Path file, String place, int number, List<String> columns, JsonNode node) {
    this.file = file;
    this.place = place;
    this.number = number;
    this.columns = columns;
    this.node = node;
  }

  /**
   * Reads a file.
   *
   * @param file CSV if its name ends with .csv, else YAML or JSON
   * @return a case per entry
   * @throws IOException if it cannot be read
   * @throws IllegalArgumentException naming the entry, or line and column, and what is wrong there
   */
  public static List<VerifyCase> read(Path file) throws IOException {
    return file.toString().endsWith(".csv") ? readCsv(file) : readYaml(file);
  }

  private static List<VerifyCase> readCsv(Path file) throws IOException {
    List<String> columns = List.of();
    List<VerifyCase> cases = new ArrayList<>();
    int lineNumber = 0;
    for (String line : Files.readAllLines(file)) {
      lineNumber++;
      if (line.isBlank() || line.startsWith("#")) {
        continue;
      }
      List<String> cells = Arrays.stream(line.split(",", -1)).map(String::strip).toList();
      String place = "line " + lineNumber;
      if (columns.isEmpty()) {
        columns = cells;
        ObjectNode names = YAML.createObjectNode();
        cells.forEach(name -> names.put(name, true));
        new ShapeFile(file, place, 0, columns, names).checkNames();
        continue;
      }
      if (cells.size() > columns.size()) {
        throw new IllegalArgumentException(
            "%s, %s, column %d: there are %d columns"
                .formatted(file, place, columns.size() + 1, columns.size()));
      }
      ObjectNode node = YAML.createObjectNode();
      for (int i = 0; i < cells.size(); i++) {
        if (!cells.get(i).isEmpty()) {
          node.set(columns.get(i), cell(cells.get(i)));
        }
      }
      cases.add(new ShapeFile(file, place, cases.size() + 1, columns, node).read());
    }
    if (cases.isEmpty()) {
      throw new IllegalArgumentException(
          file + ": no operations; write 'op,in,kernel,size' and below it 'conv,64,3,14'");
    }
    return cases;
  }

  /** A number, a flag, or a word. */
  private static JsonNode cell(String text) {
    if (text.equals("true") || text.equals("false")) {
      return BooleanNode.valueOf(text.equals("true"));
    }
    try {
      return IntNode.valueOf(Integer.parseInt(text));
    } catch (NumberFormatException e) {
      return TextNode.valueOf(text);
    }
  }

  private static List<VerifyCase> readYaml(Path file) throws IOException {
    JsonNode list;
    try {
      list = YAML.readTree(Files.readAllBytes(file));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(file + " is not YAML: " + e.getOriginalMessage(), e);
    }
    if (!list.isArray() || list.isEmpty()) {
      throw new IllegalArgumentException(
          file + ": no list of operations; write '- {op: conv, in: 64, kernel: 3, size: 14}'");
    }
    List<VerifyCase> cases = new ArrayList<>();
    for (JsonNode node : list) {
      int number = cases.size() + 1;
      cases.add(new ShapeFile(file, "operation " + number, number, List.of(), node).read());
    }
    return cases;
  }

  private void checkNames() {
    for (Iterator<String> names = node.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (!FIELDS.contains(name)) {
        throw problem(name, "no field is named '" + name + "'; there are " + sorted());
      }
    }
  }

  private VerifyCase read() {
    checkNames();
    try {
      OperationShape shape = shape();
      requireCountable(shape);
      return shape.toCase(number + ":");
    } catch (IllegalArgumentException e) {
      throw e.getMessage().startsWith(file.toString()) ? e : problem("", e.getMessage());
    } catch (ArithmeticException e) {
      throw problem("", "its tensors would have more elements than can be counted");
    }
  }

  private OperationShape shape() {
    Kind kind = kind();
    int in = number("in", 0);
    int kernel = number("kernel", 1);
    int dilation = number("dilation", 1);
    int size = number("size", 1);
    if (kind == Kind.MEANPOOL) {
      int batch = number("batch", 1);
      return OperationShape.meanPool(
          in, kernel, batch, number("height", size), number("width", size));
    }
    if (kind == Kind.SQUEEZE) {
      return OperationShape.squeeze(
          in,
          flag("residual"),
          flag("relu"),
          number("batch", 1),
          number("height", size),
          number("width", size));
    }
    if (kind == Kind.RESIZE) {
      return OperationShape.resize(
          in, kernel, number("batch", 1), number("height", size), number("width", size));
    }
    if (kind == Kind.CONCAT) {
      int parts = number("groups", 2);
      if (parts < 2) {
        throw problem("groups", "'groups' must be at least 2: how many images are joined");
      }
      return OperationShape.concat(
          in, parts, number("batch", 1), number("height", size), number("width", size));
    }
    boolean isFlat = kind == Kind.LINEAR;
    return new OperationShape(
        kind,
        in,
        number("out", in),
        flag("prologue") && (kind == Kind.CONV || kind == Kind.MAXPOOL),
        new Window(
            kernel, number("stride", 1), number("padding", dilation * (kernel / 2)), dilation),
        number("groups", 1),
        flag("bias"),
        flag("bn"),
        flag("residual"),
        flag("relu"),
        number("batch", 1),
        isFlat ? 1 : number("height", size),
        isFlat ? 1 : number("width", size));
  }

  /** Engines count the elements of a tensor in an int. */
  private void requireCountable(OperationShape shape) {
    Window window = shape.window();
    long height = side(shape.height(), window);
    long width = side(shape.width(), window);
    double most =
        Math.max(
            (double) shape.batch() * shape.in() * shape.height() * shape.width(),
            Math.max(
                (double) shape.batch() * shape.out() * height * width,
                (double) shape.in() * shape.out() * window.kernel() * window.kernel()));
    if (most > Integer.MAX_VALUE) {
      throw problem("", "one of its tensors would have %.3g elements, too many".formatted(most));
    }
  }

  private static long side(long size, Window window) {
    long reach = (long) window.dilation() * (window.kernel() - 1) + 1;
    return Math.max(0, (size + 2L * window.padding() - reach) / window.stride() + 1);
  }

  private Kind kind() {
    String name = node.path("op").asText("conv");
    for (Kind kind : Kind.values()) {
      if (kind.toString().equals(name)) {
        return kind;
      }
    }
    throw problem(
        "op", "no op is named '" + name + "'; there are " + Arrays.toString(Kind.values()));
  }

  private int number(String field, int otherwise) {
    JsonNode value = node.path(field);
    if (value.isMissingNode() && otherwise > 0) {
      return otherwise;
    }
    boolean isPadding = field.equals("padding");
    if (value.isMissingNode() && isPadding) {
      return otherwise;
    }
    if (!value.isInt() || value.intValue() < (isPadding ? 0 : 1)) {
      throw problem(
          field, "'" + field + "' must be a whole number of at least " + (isPadding ? 0 : 1));
    }
    return value.intValue();
  }

  private boolean flag(String field) {
    JsonNode value = node.path(field);
    if (!value.isMissingNode() && !value.isBoolean()) {
      throw problem(field, "'" + field + "' must be true or false");
    }
    return value.booleanValue();
  }

  private static String sorted() {
    return FIELDS.stream().sorted().toList().toString();
  }

  private IllegalArgumentException problem(String field, String what) {
    int column = columns.indexOf(field);
    String where = column < 0 ? place : place + ", column " + (column + 1);
    return new IllegalArgumentException(file + ", " + where + ": " + what);
  }
}
