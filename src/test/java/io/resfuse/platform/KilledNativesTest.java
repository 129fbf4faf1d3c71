package io.resfuse.platform;

import static org.assertj.core.api.Assertions.assertThat;

import io.resfuse.ChildJvm;
import io.resfuse.Kills;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Unpacking a library of 16 MiB. */
class KilledNativesTest implements Kills.Work {
  @TempDir Path folder;

  static final class Unpacking {
    public static void main(String[] arguments) throws IOException {
      URL library = Path.of(arguments[0]).toUri().toURL();
      System.out.println("begin");
      NativeFiles.unpack(library, OwnFolder.make(Path.of(arguments[1])));
      System.out.println("end");
    }
  }

  private Path library() {
    Path file = folder.resolve("libthing.so");
    if (!Files.exists(file)) {
      byte[] content = new byte[16 << 20];
      Arrays.fill(content, (byte) 7);
      try {
        Files.write(file, content);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return file;
  }

  private String result() throws IOException {
    CRC32 crc = new CRC32();
    crc.update(Files.readAllBytes(library()));
    return String.format("libthing.so-%08x/libthing.so", crc.getValue());
  }

  @Override
  public ProcessBuilder process(Path root) {
    return ChildJvm.command(List.of(), Unpacking.class, library(), root);
  }

  /** Whole is what is marked so: until then nobody loads it. */
  @Override
  public boolean isDone(Path root) throws IOException {
    Path file = root.resolve(result());
    if (!Files.exists(file)) {
      return false;
    }
    assertThat(Files.mismatch(file, library())).isEqualTo(-1);
    return true;
  }

  @Override
  public void next(Path root) throws IOException {
    NativeFiles.unpack(library().toUri().toURL(), OwnFolder.make(root));
  }

  @Test
  void unpacksWhole() throws Exception {
    Kills.check("unpacking", folder, this);
  }

  @Test
  void twoUnpackAtOnce() throws Exception {
    Kills.twoAtOnce(OwnFolder.make(folder.resolve("cold")), this);
  }
}
