package io.resfuse.weights.format;

import io.resfuse.weights.format.RestrictedUnpickler.PickleInput;
import io.resfuse.weights.format.RestrictedUnpickler.RefusedException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import org.apache.commons.compress.archivers.zip.ZipArchiveEntry;
import org.apache.commons.compress.archivers.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/**
 * Reads what {@code torch.save} writes, without PyTorch and without running anything.
 *
 * <p>Since 1.6: an uncompressed zip archive with {@code data.pkl}, and one file per storage under
 * {@code data/}. Before: pickles of a magic number, a version, system information, the object and
 * the storages' keys, then per storage its number of elements (8 bytes) and the elements.
 *
 * <p>What of the object is the state_dict, {@link TorchCheckpoint} says.
 */
final class TorchReader {
  private static final int MAX_PICKLE = 8 << 20;
  private static final long ALWAYS_ALLOWED = 64L << 20;
  private static final long MAX_RATIO = 20;
  private static final int MAX_ENTRIES = 100_000;
  private static final int PROTOCOL = 1001;

  private final MappedFile file;
  private final Path path;
  private final Map<String, ByteBuffer> contents = new ConcurrentHashMap<>();

  private TorchReader(MappedFile file) {
    this.file = file;
    this.path = file.path();
  }

  static TensorFile readZip(MappedFile file) {
    return new TorchReader(file).readZip();
  }

  static TensorFile readLegacy(MappedFile file) {
    return new TorchReader(file).readLegacy();
  }

  /** A stored file of the archive: its bytes, or how to inflate them. */
  private record Member(String name, long size, long crc, @Nullable ByteBuffer stored) {}

  private TensorFile readZip() {
    Map<String, Member> members = members();
    List<String> pickles = members.keySet().stream().filter(n -> n.endsWith("/data.pkl")).toList();
    if (pickles.size() != 1) {
      throw notOfTorch(members);
    }
    String pickle = pickles.get(0);
    String root = pickle.substring(0, pickle.length() - "data.pkl".length());
    if (members.containsKey(root + "constants.pkl")) {
      throw WeightsException.of(
          path,
          "it is a TorchScript program, not a state_dict",
          "save torch.jit.load(...).state_dict() with torch.save");
    }
    Member byteOrder = members.get(root + "byteorder");
    ByteOrder order =
        byteOrder != null && byteOrder.size == "big".length()
            ? ByteOrder.BIG_ENDIAN
            : ByteOrder.LITTLE_ENDIAN;
    if (members.get(pickle).size > MAX_PICKLE) {
      throw tooLarge(members.get(pickle), MAX_PICKLE);
    }
    RestrictedUnpickler unpickler =
        new RestrictedUnpickler(new PickleInput(contents(members.get(pickle))));
    TorchCheckpoint checkpoint = TorchCheckpoint.of(path, unpickle(unpickler));
    unpickler.storages().forEach((key, storage) -> checkStorage(members, root, storage));
    return bind(
        WeightFormat.PYTORCH_ZIP,
        checkpoint,
        (storage, element, count) -> {
          int size = storage.type().bytes();
          long at = (storage.offset() + element) * size;
          return contents(members.get(root + "data/" + storage.key()))
              .slice((int) at, count * size)
              .order(order);
        });
  }

  private WeightsException notOfTorch(Map<String, Member> members) {
    if (members.containsKey("model.weights.h5")) {
      return WeightsException.of(
          path,
          "it is a model of Keras 3 (.keras), which is not read",
          "in Python: keras.models.load_model(...).save('model.h5'), and give that");
    }
    if (members.keySet().stream().anyMatch(name -> name.endsWith(".npy"))) {
      return WeightsException.of(
          path,
          "it is NumPy's archive of arrays (.npz), which is not read",
          "write the arrays with safetensors.numpy.save_file");
    }
    return WeightsException.of(
        path,
        "it is a zip archive, but not one of torch.save (it needs one folder with a data.pkl)",
        "give a file that torch.save(model.state_dict(), ...) wrote");
  }

  private void checkStorage(Map<String, Member> members, String root, TorchStorage storage) {
    Member member = members.get(root + "data/" + storage.key());
    if (member == null || storage.elements() > member.size / storage.type().bytes()) {
      throw WeightsException.corrupt(
          path,
          "storage '"
              + RestrictedUnpickler.printable(storage.key())
              + "' of "
              + storage.elements()
              + " elements is missing or too short");
    }
    if (member.size > Integer.MAX_VALUE) {
      throw tooLarge(member, Integer.MAX_VALUE);
    }
  }

  private WeightsException tooLarge(Member member, int limit) {
    return WeightsException.of(
        path,
        "its file '"
            + RestrictedUnpickler.printable(member.name)
            + "' has "
            + member.size
            + " bytes",
        "at most " + limit + " are read");
  }

  /** The table of contents; refuses what is compressed beyond reason before inflating it. */
  private Map<String, Member> members() {
    Map<String, Member> members = new HashMap<>();
    long inflated = 0;
    try (ZipFile zip = openZip()) {
      for (ZipArchiveEntry entry : Collections.list(zip.getEntries())) {
        if (entry.isDirectory()) {
          continue;
        }
        String name = entry.getName();
        long size = entry.getSize();
        boolean stored = entry.getMethod() == ZipEntry.STORED;
        if (size < 0 || !(stored || entry.getMethod() == ZipEntry.DEFLATED)) {
          throw WeightsException.of(
              path,
              "its file '" + RestrictedUnpickler.printable(name) + "' is packed in an unusual way",
              "save it again with torch.save");
        }
        inflated += stored ? 0 : Math.min(size, Long.MAX_VALUE - inflated);
        if (inflated > Math.max(ALWAYS_ALLOWED, MAX_RATIO * file.size())) {
          throw WeightsException.of(
              path,
              "unpacked it would have " + inflated + " bytes and more, far more than weights can",
              "do not trust this file");
        }
        ByteBuffer bytes = stored ? file.slice(entry.getDataOffset(), size) : null;
        Member other = members.put(name, new Member(name, size, entry.getCrc(), bytes));
        if (other != null || members.size() > MAX_ENTRIES) {
          throw WeightsException.corrupt(
              path,
              "it has the file '"
                  + RestrictedUnpickler.printable(name)
                  + "' twice, or too many files");
        }
      }
    } catch (WeightsException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      throw new WeightsException(
          path + ": it is not a complete zip archive (" + reason(e) + "); get it again", e);
    }
    return members;
  }

  private ZipFile openZip() throws IOException {
    return ZipFile.builder().setSeekableByteChannel(file.channel()).get();
  }

  /** The bytes of a member, whose checksum is verified once. */
  private ByteBuffer contents(Member member) {
    return contents
        .computeIfAbsent(
            member.name,
            name -> {
              ByteBuffer bytes = member.stored == null ? inflate(member) : member.stored;
              CRC32 crc = new CRC32();
              crc.update(bytes.duplicate());
              if (crc.getValue() != member.crc) {
                throw WeightsException.corrupt(
                    path,
                    "its file '" + RestrictedUnpickler.printable(name) + "' fails its checksum");
              }
              return bytes;
            })
        .duplicate()
        .order(ByteOrder.LITTLE_ENDIAN);
  }

  private ByteBuffer inflate(Member member) {
    try (ZipFile zip = openZip();
        InputStream in = zip.getInputStream(zip.getEntry(member.name))) {
      byte[] bytes = in.readNBytes((int) member.size);
      if (bytes.length != member.size || in.read() >= 0) {
        throw new IOException("it unpacks to another size than it says");
      }
      return ByteBuffer.wrap(bytes);
    } catch (IOException | RuntimeException e) {
      throw new WeightsException(
          path
              + ": its file '"
              + RestrictedUnpickler.printable(member.name)
              + "' cannot be unpacked ("
              + reason(e)
              + "); get it again",
          e);
    }
  }

  private TensorFile readLegacy() {
    PickleInput in = new PickleInput(file.slice(0, Math.min(file.size(), MAX_PICKLE)));
    unpickle(new RestrictedUnpickler(in)); // the magic number, which the caller has seen
    Object version = unpickle(new RestrictedUnpickler(in));
    if (!Integer.valueOf(PROTOCOL).equals(version)) {
      throw WeightsException.of(
          path,
          "its format version is " + RestrictedUnpickler.describe(version),
          "save it again with a current PyTorch");
    }
    ByteOrder order =
        unpickle(new RestrictedUnpickler(in)) instanceof Map<?, ?> system
                && Boolean.FALSE.equals(system.get("little_endian"))
            ? ByteOrder.BIG_ENDIAN
            : ByteOrder.LITTLE_ENDIAN;
    RestrictedUnpickler unpickler = new RestrictedUnpickler(in);
    TorchCheckpoint checkpoint = TorchCheckpoint.of(path, unpickle(unpickler));
    Map<String, Long> starts = new HashMap<>();
    if (!(unpickle(new RestrictedUnpickler(in)) instanceof List<?> keys)) {
      throw WeightsException.corrupt(path, "it has no list of storages");
    }
    long at = in.position();
    for (Object key : keys) {
      TorchStorage storage = unpickler.storages().get(key);
      long elements = file.slice(at, Long.BYTES).order(order).getLong(0);
      if (storage == null || elements != storage.elements()) {
        throw WeightsException.corrupt(
            path,
            "storage "
                + RestrictedUnpickler.describe(key)
                + " has "
                + elements
                + " elements, but "
                + (storage == null ? "is not used" : "should have " + storage.elements()));
      }
      at += Long.BYTES;
      starts.put(storage.key(), at);
      at += file.checkedBytes(elements, storage.type().bytes(), at);
    }
    if (!starts.keySet().equals(unpickler.storages().keySet())) {
      throw WeightsException.corrupt(path, "some of its storages are missing");
    }
    return bind(
        WeightFormat.PYTORCH_LEGACY,
        checkpoint,
        (storage, element, count) -> {
          int size = storage.type().bytes();
          long begin = starts.get(storage.key()) + (storage.offset() + element) * size;
          return file.slice(begin, (long) count * size).order(order);
        });
  }

  private @Nullable Object unpickle(RestrictedUnpickler unpickler) {
    try {
      return unpickler.load();
    } catch (RefusedException e) {
      throw new WeightsException(
          path
              + ": it has "
              + e.getMessage()
              + ", which torch.save does not write; save the state_dict alone:"
              + " torch.save(model.state_dict(), ...)",
          e);
    } catch (IOException | RuntimeException e) {
      throw new WeightsException(
          path + ": its pickle is damaged (" + reason(e) + "); get the file again", e);
    }
  }

  private TensorFile bind(
      WeightFormat format, TorchCheckpoint checkpoint, TorchTensor.Bytes bytes) {
    Map<String, StoredTensor> tensors = new LinkedHashMap<>();
    checkpoint
        .tensors()
        .forEach((name, tensor) -> tensors.put(name, tensor.bind(path, name, bytes)));
    return new TensorFile(path, format, Map.of(), tensors)
        .withNotes(checkpoint.notes(), checkpoint.otherModels());
  }

  private static String reason(Exception e) {
    String message = e.getMessage();
    return message == null
        ? e.getClass().getSimpleName()
        : RestrictedUnpickler.printable(message.lines().findFirst().orElse(""));
  }
}
