package io.resfuse.weights.format;

import io.resfuse.weights.format.RestrictedUnpickler.PickleInput;
import io.resfuse.weights.format.RestrictedUnpickler.RefusedException;
import java.io.IOException;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
  private static final int PROTOCOL = 1001;

  private final Path path;

  private TorchReader(Path path) {
    this.path = path;
  }

  static TensorFile readZip(ZipMembers members) {
    return new TorchReader(members.path()).zip(members);
  }

  static TensorFile readLegacy(MappedFile file) {
    return new TorchReader(file.path()).legacy(file);
  }

  private TensorFile zip(ZipMembers members) {
    List<String> pickles = members.names().stream().filter(n -> n.endsWith("/data.pkl")).toList();
    if (pickles.size() != 1) {
      throw notOfTorch(members);
    }
    String pickle = pickles.get(0);
    String root = pickle.substring(0, pickle.length() - "data.pkl".length());
    if (members.names().contains(root + "constants.pkl")) {
      throw WeightsException.of(
          path,
          "it is a TorchScript program, not a state_dict",
          "save torch.jit.load(...).state_dict() with torch.save");
    }
    ByteOrder order =
        members.size(root + "byteorder") == "big".length()
            ? ByteOrder.BIG_ENDIAN
            : ByteOrder.LITTLE_ENDIAN;
    RestrictedUnpickler unpickler =
        new RestrictedUnpickler(new PickleInput(members.contents(pickle, MAX_PICKLE)));
    TorchCheckpoint checkpoint = TorchCheckpoint.of(path, unpickle(unpickler));
    unpickler.storages().forEach((key, storage) -> checkStorage(members, root, storage));
    return bind(
        WeightFormat.PYTORCH_ZIP,
        checkpoint,
        (storage, element, count) -> {
          int size = storage.type().bytes();
          long at = (storage.offset() + element) * size;
          return members
              .contents(root + "data/" + storage.key(), Integer.MAX_VALUE)
              .slice((int) at, count * size)
              .order(order);
        });
  }

  private WeightsException notOfTorch(ZipMembers members) {
    if (members.names().stream().anyMatch(name -> name.endsWith(".npy"))) {
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

  private void checkStorage(ZipMembers members, String root, TorchStorage storage) {
    long size = members.size(root + "data/" + storage.key());
    if (size < 0 || storage.elements() > size / storage.type().bytes()) {
      throw WeightsException.corrupt(
          path,
          "storage '"
              + RestrictedUnpickler.printable(storage.key())
              + "' of "
              + storage.elements()
              + " elements is missing or too short");
    }
  }

  private TensorFile legacy(MappedFile file) {
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
      // A list that contains itself has no hash code.
      TorchStorage storage = key instanceof String name ? unpickler.storages().get(name) : null;
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
