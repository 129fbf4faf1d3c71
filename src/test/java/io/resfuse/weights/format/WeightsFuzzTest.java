package io.resfuse.weights.format;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.resfuse.weights.ModelFile;
import io.resfuse.weights.format.RestrictedUnpickler.PickleInput;
import io.resfuse.weights.format.RestrictedUnpickler.RefusedException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPOutputStream;
import net.razorvine.pickle.PickleException;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;

/**
 * Any bytes are either read or refused with a {@link WeightsException}; nothing else is thrown. The
 * inputs in {@code WeightsFuzzTestInputs} are run as tests. To look for new ones:
 *
 * <pre>JAZZER_FUZZ=1 mvn test -DjazzerHooks=true -Dtest=WeightsFuzzTest#safetensors</pre>
 */
class WeightsFuzzTest {
  private static final String DURATION = "20s";

  @FuzzTest(maxDuration = DURATION)
  void safetensors(byte[] bytes) throws IOException {
    readAll(bytes);
  }

  /** A header of any text, before enough data for small tensors. */
  @FuzzTest(maxDuration = DURATION)
  void safetensorsHeader(byte[] header) throws IOException {
    ByteBuffer file =
        ByteBuffer.allocate(8 + header.length + 64).order(java.nio.ByteOrder.LITTLE_ENDIAN);
    readAll(file.putLong(header.length).put(header).array());
  }

  @FuzzTest(maxDuration = DURATION)
  void torchZip(byte[] bytes) throws IOException {
    readAll(bytes);
  }

  @FuzzTest(maxDuration = DURATION)
  void torchLegacy(byte[] bytes) throws IOException {
    readAll(bytes);
  }

  /** The unpickler itself, whose exceptions the reader turns into its own. */
  @FuzzTest(maxDuration = DURATION)
  void pickle(byte[] bytes) throws IOException {
    try {
      new RestrictedUnpickler(new PickleInput(ByteBuffer.wrap(bytes))).load();
    } catch (RefusedException
        | PickleException
        | IOException
        | ClassCastException
        | IndexOutOfBoundsException
        | NullPointerException e) {
      // Refused.
    }
  }

  @FuzzTest(maxDuration = DURATION)
  void kerasHdf5(byte[] bytes) throws IOException {
    readAll(bytes);
  }

  /** The messages, the matching of the graph, and the tensors. */
  @FuzzTest(maxDuration = DURATION)
  void onnx(byte[] bytes) throws IOException {
    readAll(bytes);
  }

  @FuzzTest(maxDuration = DURATION)
  void archive(byte[] tgz) throws IOException {
    readAll(tgz);
  }

  /** A model.json of any text with two shards. */
  @FuzzTest(maxDuration = DURATION)
  void modelJson(byte[] json) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(new GZIPOutputStream(bytes))) {
      add(tar, "model.json", json);
      add(tar, "shard1", new byte[16]);
      add(tar, "shard2", new byte[16]);
    }
    readAll(bytes.toByteArray());
  }

  /** The description of a model that our own files carry. */
  @FuzzTest(maxDuration = DURATION)
  void description(byte[] json) throws IOException {
    TensorFile file =
        new TensorFile(
            Path.of("fuzz"),
            WeightFormat.SAFETENSORS,
            java.util.Map.of(
                "resfuse.model", new String(json, StandardCharsets.UTF_8), "resfuse.labels", "{}"),
            java.util.Map.of());
    try {
      ModelFile.open(file);
    } catch (WeightsException e) {
      // Refused.
    }
  }

  private static void add(TarArchiveOutputStream tar, String name, byte[] contents)
      throws IOException {
    TarArchiveEntry entry = new TarArchiveEntry(name);
    entry.setSize(contents.length);
    tar.putArchiveEntry(entry);
    tar.write(contents);
    tar.closeArchiveEntry();
  }

  private static void readAll(byte[] bytes) throws IOException {
    Path file = Files.createTempFile("fuzz", ".weights");
    try {
      Files.write(file, bytes);
      TensorFile opened = TensorFile.open(file);
      for (StoredTensor tensor : opened.tensors().values()) {
        tensor.statistics();
      }
      ModelFile.open(opened);
    } catch (WeightsException e) {
      // Refused.
    } finally {
      Files.delete(file);
    }
  }
}
