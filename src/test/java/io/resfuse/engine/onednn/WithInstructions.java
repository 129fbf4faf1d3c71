package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A program of tests in a process of its own, since oneDNN asks once which instructions it may use.
 */
final class WithInstructions {
  private WithInstructions() {}

  /**
   * Runs it.
   *
   * @param program whose first line is {@code isa} and the instruction set that oneDNN uses
   * @param most oneDNN's name for what it may use
   * @param expected what that should come to; without it in this CPU the test is skipped
   * @return what it prints after that
   */
  static List<String> run(Class<?> program, String most, InstructionSet expected) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            System.getProperty("java.home") + File.separator + "bin" + File.separator + "java",
            "-Xmx1g",
            "-Dorg.slf4j.simpleLogger.logFile=System.err",
            "-cp",
            System.getProperty("java.class.path"),
            program.getName());
    builder.environment().put("ONEDNN_MAX_CPU_ISA", most);
    builder.redirectError(ProcessBuilder.Redirect.DISCARD);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
    assertThat(process.exitValue()).as(output).isZero();
    List<String> lines = output.lines().toList();
    String got = lines.get(0);
    assumeTrue(
        got.equals("isa " + expected.name()),
        () -> "this CPU has no " + expected + ", oneDNN uses " + got);
    return lines.subList(1, lines.size());
  }
}
