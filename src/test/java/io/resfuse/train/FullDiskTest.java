package io.resfuse.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.resfuse.ChildJvm;
import io.resfuse.Kills;
import io.resfuse.weights.ModelFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A training whose files may not grow any further, as on a full disk, ends and can be resumed. */
class FullDiskTest {
  @TempDir Path folder;

  @Test
  void theNextStartGoesOn() throws Exception {
    assumeTrue(Files.exists(Path.of("/bin/bash")), "ulimit is bash's");
    Path whole = folder.resolve("whole");
    KilledTraining.run(whole, false);
    long checkpoint;
    try (var files = Files.list(whole.resolve("checkpoints"))) {
      checkpoint = Files.size(files.findFirst().orElseThrow());
    }
    Path full = folder.resolve("full");
    // In KiB, with room for half of a checkpoint: at the first start and when it is resumed.
    long limit = checkpoint / 2048;
    for (int start = 0; start < 2; start++) {
      List<String> command = new ArrayList<>(List.of("/bin/bash", "-c"));
      command.add("ulimit -f " + limit + "; exec \"$@\"");
      command.add("bash");
      command.addAll(
          ChildJvm.command(List.of(), KilledTraining.class, full, Files.exists(full)).command());
      try (ChildJvm child = ChildJvm.start(new ProcessBuilder(command).redirectErrorStream(true))) {
        String output = child.output();
        assertThat(child.status()).isNotZero();
        assertThat(output).containsIgnoringCase("file too large");
        assertThat(Kills.files(full)).noneMatch(name -> name.endsWith(".tmp"));
      }
    }
    KilledTraining.run(full, true);
    assertThat(TestJobs.values(ModelFile.open(full.resolve("model.safetensors")).parameters()))
        .usingRecursiveComparison()
        .isEqualTo(
            TestJobs.values(ModelFile.open(whole.resolve("model.safetensors")).parameters()));
  }
}
