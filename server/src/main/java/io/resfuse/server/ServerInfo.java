package io.resfuse.server;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the server says of itself.
 *
 * @param name of the program
 * @param version of the program
 * @param extensions of the protocol that it has
 */
public record ServerInfo(String name, String version, List<String> extensions) {
  /**
   * Of this program.
   *
   * @return as its jar says
   */
  public static ServerInfo ofProgram() {
    @Nullable String version = ServerInfo.class.getPackage().getImplementationVersion();
    return new ServerInfo(
        "resfuse",
        version == null ? "(from classes)" : version,
        List.of(
            "binary_tensor_data",
            "classification",
            "model_configuration",
            "model_repository",
            "schedule_policy",
            "statistics"));
  }

  /**
   * As the protocol has it.
   *
   * @return for JSON
   */
  public Map<String, Object> asMap() {
    Map<String, Object> map = new LinkedHashMap<>();
    map.put("name", name);
    map.put("version", version);
    map.put("extensions", extensions);
    return map;
  }
}
