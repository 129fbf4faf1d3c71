package io.resfuse.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Names and shapes of all parameters against torchvision's and timm's state_dicts. */
class StateDictTest {
  static List<String> lines() throws IOException {
    List<String> lines = new ArrayList<>();
    for (String library : List.of("torchvision", "timm")) {
      try (InputStream file =
          StateDictTest.class.getResourceAsStream("/" + library + "/state_dicts.tsv")) {
        lines.addAll(new String(file.readAllBytes(), StandardCharsets.UTF_8).lines().toList());
      }
    }
    return lines;
  }

  @ParameterizedTest
  @MethodSource("lines")
  void namesAndShapesAreTheirs(String line) throws NoSuchAlgorithmException {
    String[] fields = line.split("\t", 0);
    NetworkConfig config = NetworkConfig.of(fields[0]);
    NetworkSpec network = config.build();
    long trained =
        network.parameters().values().stream()
            .filter(ParameterSpec::isTrainable)
            .mapToLong(parameter -> parameter.shape().elements())
            .sum();
    String sorted =
        network.parameters().values().stream()
            .map(parameter -> parameter.name() + " " + config.storedShape(parameter) + "\n")
            .sorted()
            .collect(Collectors.joining());
    byte[] digest =
        MessageDigest.getInstance("SHA-256").digest(sorted.getBytes(StandardCharsets.UTF_8));
    assertThat(trained).as("trained parameters").isEqualTo(Long.parseLong(fields[1]));
    assertThat(network.parameters()).hasSize(Integer.parseInt(fields[2]));
    assertThat(HexFormat.of().formatHex(digest)).isEqualTo(fields[3]);
  }

  @Test
  void allImageNetVariantsAreListed() throws IOException {
    assertThat(lines().stream().map(line -> line.substring(0, line.indexOf('\t'))))
        .containsExactlyInAnyOrderElementsOf(
            NetworkConfig.all().stream()
                .filter(config -> !config.isForSmallImages())
                .map(NetworkConfig::name)
                .filter(name -> !name.startsWith("plain"))
                .toList());
  }
}
