package io.resfuse.engine.cuda.internal.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.cuda.internal.driver.StructLayout;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The records are the structs of the headers: same names, same order, same types. */
class ParametersTest {
  private static final List<Path> HEADERS =
      List.of(Path.of("cuda-kernels/parameters.cuh"), Path.of("cuda-kernels/maps.cuh"));
  private static final Pattern STRUCT =
      Pattern.compile("^struct (\\w+) \\{(.*?)^};", Pattern.MULTILINE | Pattern.DOTALL);
  private static final Pattern DECLARATION =
      Pattern.compile("^\\s*(?:const )?([\\w ]+?)(\\*)? ?((?:\\w+, )*\\w+);", Pattern.MULTILINE);

  private record Struct(String name, List<String> fields) {
    @Override
    public String toString() {
      return name;
    }
  }

  static List<Struct> structs() throws IOException {
    List<Struct> structs = new ArrayList<>();
    for (Path header : HEADERS) {
      Matcher struct = STRUCT.matcher(Files.readString(header));
      while (struct.find()) {
        structs.add(new Struct(struct.group(1), fields(struct.group(2))));
      }
    }
    return structs;
  }

  private static List<String> fields(String declarations) {
    List<String> fields = new ArrayList<>();
    Matcher declaration = DECLARATION.matcher(declarations);
    while (declaration.find()) {
      boolean wide = declaration.group(2) != null || declaration.group(1).equals("long long");
      for (String name : declaration.group(3).split(", ", -1)) {
        fields.add((wide ? "long" : declaration.group(1).strip()) + " " + name);
      }
    }
    return fields;
  }

  @Test
  void theHeadersAreRead() throws IOException {
    assertThat(structs()).hasSizeGreaterThan(20);
  }

  @ParameterizedTest
  @MethodSource("structs")
  void recordsAreTheStructs(Struct struct) throws ClassNotFoundException {
    Class<? extends Record> type =
        Class.forName(getClass().getPackageName() + "." + struct.name()).asSubclass(Record.class);
    assertThat(StructLayout.of(type).fields().stream().map(f -> f.type() + " " + f.name()))
        .containsExactlyElementsOf(struct.fields());
  }
}
