package io.resfuse.batch;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import io.resfuse.engine.LoadedNetwork;
import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.PlanRequest;
import io.resfuse.engine.Precision;
import io.resfuse.engine.TestData;
import io.resfuse.model.ResNetConfig;
import io.resfuse.model.ResNetVariant;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A library in the place of NVTX's writes down what it is told, in a process of its own. */
class NvtxTest {
  private static final String LIBRARY =
      """
      #include <stdio.h>
      #include <stdlib.h>
      #include <unistd.h>
      #include <sys/syscall.h>
      static void say(const char* what, const char* name) {
        static FILE* file;
        if (!file) { file = fopen(getenv("NVTX_SAID"), "a"); setvbuf(file, 0, _IOLBF, 1 << 12); }
        fprintf(file, "%ld %s %s\\n", syscall(SYS_gettid), what, name);
      }
      int nvtxRangePushA(const char* name) { say("push", name); return 0; }
      int nvtxRangePop(void) { say("pop", ""); return 0; }
      """;

  @TempDir Path folder;

  /** Two batches of two images, and one run without a batcher. */
  static final class Program {
    private Program() {}

    public static void main(String[] arguments) {
      NetworkSpec network = ResNetConfig.of(ResNetVariant.cifar(8, true)).build();
      PlanRequest request = PlanRequest.logits(2, 8);
      BatchOptions options =
          BatchOptions.defaults()
              .withPreferredBatchSizes(List.of(2))
              .withMaxQueueDelay(Duration.ofHours(1));
      try (Engine engine = Engines.open("reference", EngineOptions.defaults());
          LoadedNetwork loaded =
              engine.load(network, TestData.parameters(network), Precision.FP64)) {
        try (Batcher batcher =
            new Batcher(List.of(new BatchTarget(loaded, 1)), request, null, options)) {
          List<CompletableFuture<?>> answers = new ArrayList<>();
          for (int i = 0; i < 4; i++) {
            answers.add(batcher.submit(HostTensor.zeros(Shape.of(3, 8, 8))));
          }
          answers.forEach(CompletableFuture::join);
        }
        loaded.plan(request.withBatch(1)).run();
      }
    }
  }

  private static int run(List<String> command, Path said, Path output)
      throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
    builder.environment().put("NVTX_SAID", said.toString());
    return builder.start().waitFor();
  }

  private Path library() throws IOException, InterruptedException {
    Path source = folder.resolve("nvtx.c");
    Path library = folder.resolve("libnvtx-said.so");
    Files.writeString(source, LIBRARY);
    boolean compiled;
    try {
      compiled =
          run(
                  List.of("cc", "-shared", "-fPIC", "-o", library.toString(), source.toString()),
                  source,
                  folder.resolve("cc.log"))
              == 0;
    } catch (IOException e) {
      compiled = false;
    }
    assumeTrue(compiled, "there is no C compiler here, or not for Linux");
    return library;
  }

  private String program(String setting, Path said) throws IOException, InterruptedException {
    Path output = folder.resolve("output.log");
    int code =
        run(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-Dresfuse.nvtx=" + setting,
                "-cp",
                System.getProperty("java.class.path"),
                Program.class.getName()),
            said,
            output);
    String text = Files.readString(output, UTF_8);
    assertThat(code).as(text).isZero();
    return text;
  }

  @Test
  void rangesAreBalancedAndHaveNames() throws Exception {
    Path said = folder.resolve("said");
    program(library().toString(), said);
    Map<String, Deque<String>> open = new HashMap<>();
    List<String> all = new ArrayList<>();
    for (String line : Files.readAllLines(said)) {
      String[] words = line.split(" ", 3);
      Deque<String> ofThread = open.computeIfAbsent(words[0], thread -> new ArrayDeque<>());
      if (words[1].equals("push")) {
        ofThread.push(words[2]);
        all.add(String.join(" > ", (Iterable<String>) ofThread::descendingIterator));
      } else {
        assertThat(ofThread).as(line).isNotEmpty();
        ofThread.pop();
      }
    }
    assertThat(open.values()).allMatch(Deque::isEmpty);
    assertThat(all)
        .containsOnly(
            "Plan resnet8 1",
            "Plan resnet8 2",
            "Run resnet8 1",
            "Run resnet8 2",
            "Batch 2",
            "Batch 2 > Prepare",
            "Batch 2 > Run resnet8 2");
    for (String twice : List.of("Batch 2", "Batch 2 > Prepare", "Batch 2 > Run resnet8 2")) {
      assertThat(all.stream().filter(twice::equals)).as(twice).hasSize(2);
    }
  }

  @Test
  void whereThereIsNoLibraryProgramsRunWithoutRanges() throws Exception {
    String missing = folder.resolve("libmissing.so").toString();
    assertThat(program(missing, folder.resolve("said")))
        .contains("no ranges for NVIDIA's profilers: " + missing + " cannot be loaded: ");
  }
}
