package io.resfuse.engine.onednn;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.ChildJvm;
import io.resfuse.Kills;
import io.resfuse.engine.Engine;
import io.resfuse.engine.EngineOptions;
import io.resfuse.engine.Engines;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The first start of the engine, which has JavaCPP unpack oneDNN. */
class KilledJavaCppTest implements Kills.Work {
  private static final String OPENED = "opened";

  @TempDir Path folder;

  static final class Opening {
    public static void main(String[] arguments) throws IOException {
      System.out.println("begin");
      try (Engine engine = Engines.open("onednn", new EngineOptions(1, ""))) {
        engine.description();
      }
      Files.write(Path.of(arguments[0]).resolve(OPENED), new byte[0]);
      System.out.println("end");
    }
  }

  @Override
  public ProcessBuilder process(Path cache) {
    ProcessBuilder command = ChildJvm.command(List.of(), Opening.class, cache);
    command.environment().put("RESFUSE_CACHE", cache.toString());
    return command;
  }

  /** JavaCPP writes to its files directly: whole is what the engine could be opened with. */
  @Override
  public boolean isDone(Path cache) {
    return Files.exists(cache.resolve(OPENED));
  }

  @Override
  public void next(Path cache) throws Exception {
    try (ChildJvm child = ChildJvm.start(process(cache))) {
      child.awaitLine("end");
      assertThat(child.status()).isZero();
    }
  }

  @Test
  void unpacksWhatIsHalf() throws Exception {
    Kills.check("JavaCPP", folder, this);
  }

  @Test
  void twoStartAtOnce() throws Exception {
    Kills.twoAtOnce(Files.createDirectory(folder.resolve("cold")), this);
  }
}
