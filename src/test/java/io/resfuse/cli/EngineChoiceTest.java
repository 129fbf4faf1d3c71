package io.resfuse.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.engine.ConvolutionAlgorithm;
import io.resfuse.engine.EngineOptions;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class EngineChoiceTest {
  private static EngineOptions parse(String... arguments) {
    return CommandLine.populateCommand(new EngineChoice(), arguments).options();
  }

  @Test
  void enginesAreTunedUnlessToldNotTo() {
    assertThat(parse().autotune()).isTrue();
    assertThat(parse("--autotune").autotune()).isTrue();
    assertThat(parse("--no-autotune").autotune()).isFalse();
    assertThat(parse("--device", "1", "--threads", "3")).isEqualTo(new EngineOptions(3, "1"));
  }

  @Test
  void convolutionsAreChosen() {
    assertThat(parse().convolutions()).isEqualTo(ConvolutionAlgorithm.AUTO);
    assertThat(parse("--convolutions", "FAST").convolutions()).isEqualTo(ConvolutionAlgorithm.FAST);
    assertThat(parse("--convolutions", "DIRECT").convolutions())
        .isEqualTo(ConvolutionAlgorithm.DIRECT);
  }
}
