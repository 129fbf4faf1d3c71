package io.resfuse.weights.format;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What of a pickle's object is the state_dict: the object itself, or one of the dicts in it.
 * Training scripts keep it under one of {@link #WRAPPERS}, beside the optimizer, their arguments,
 * and perhaps an average of the weights; other dicts of weights follow under the names of their
 * entries.
 */
final class TorchCheckpoint {
  /** Where checkpoints keep the state_dict; the first that is there is taken. */
  private static final List<String> WRAPPERS =
      List.of(
          "state_dict",
          "model_state_dict",
          "model_state",
          "model",
          "net",
          "network",
          "module",
          "params",
          "weights",
          "model_ema",
          "state_dict_ema",
          "ema_state_dict",
          "model_ema_state_dict",
          "ema",
          "params_ema");

  private static final int LISTED = 10;

  private final Path path;
  private final Map<String, TorchTensor> tensors = new LinkedHashMap<>();
  private final List<String> notes = new ArrayList<>();
  private final List<String> otherModels = new ArrayList<>();

  private TorchCheckpoint(Path path) {
    this.path = path;
  }

  /**
   * Finds the weights.
   *
   * @param object what the pickle holds
   * @throws WeightsException if there are none
   */
  static TorchCheckpoint of(Path path, @Nullable Object object) {
    TorchCheckpoint checkpoint = new TorchCheckpoint(path);
    checkpoint.find(object);
    return checkpoint;
  }

  /** Those of the state_dict by their names, then those of other models behind prefixes. */
  Map<String, TorchTensor> tensors() {
    return tensors;
  }

  List<String> notes() {
    return notes;
  }

  /** The prefixes of other models. */
  List<String> otherModels() {
    return otherModels;
  }

  private void find(@Nullable Object object) {
    Map<?, ?> root = dict(object);
    if (root == null) {
      throw isModule(object)
          ? wholeModel((OpaqueObject) object, "")
          : noStateDict(RestrictedUnpickler.describe(object));
    }
    Map<String, Map<?, ?>> models = models(root);
    String first =
        WRAPPERS.stream()
            .flatMap(
                w -> models.keySet().stream().filter(m -> m.equals(w) || m.startsWith(w + ".")))
            .findFirst()
            .orElse(null);
    if (first == null && tensors(root).isEmpty() && models.size() == 1) {
      first = models.keySet().iterator().next();
    }
    if (first != null) {
      Map<?, ?> chosen = models.remove(first);
      tensors.putAll(tensors(chosen));
      noteOthers(chosen);
      noteEntries(first, root);
    } else if (!tensors(root).isEmpty()) {
      tensors.putAll(tensors(root));
      noteOthers(root);
    }
    boolean hasFirst = !tensors.isEmpty();
    models.forEach(
        (name, dict) -> {
          tensors(dict).forEach((key, tensor) -> tensors.putIfAbsent(name + "." + key, tensor));
          if (hasFirst) {
            otherModels.add(name + ".");
          }
        });
    if (tensors.isEmpty()) {
      throw withoutTensors(root);
    }
  }

  /** The dicts of weights in a dict, and in dicts in it, by their keys joined with dots. */
  private static Map<String, Map<?, ?>> models(Map<?, ?> root) {
    Map<String, Map<?, ?>> models = new LinkedHashMap<>();
    // Each dict is looked at once: a hostile pickle could have one in many places.
    Set<Object> seen = Collections.newSetFromMap(new IdentityHashMap<>());
    seen.add(root);
    root.forEach(
        (key, value) -> {
          Map<?, ?> dict = dict(value);
          if (dict == null || !seen.add(dict)) {
            return;
          }
          if (isModel((String) key, dict)) {
            models.put((String) key, dict);
            return;
          }
          dict.forEach(
              (inner, innerValue) -> {
                Map<?, ?> innerDict = dict(innerValue);
                if (innerDict != null
                    && seen.add(innerDict)
                    && isModel((String) inner, innerDict)) {
                  models.put(key + "." + inner, innerDict);
                }
              });
        });
    return models;
  }

  private static boolean isModel(String key, Map<?, ?> dict) {
    Map<String, TorchTensor> found = tensors(dict);
    return WRAPPERS.contains(key)
        ? !found.isEmpty()
        : found.keySet().stream().anyMatch(name -> name.endsWith(".weight"));
  }

  /** What can be looked into as a dict, or null. */
  private static @Nullable Map<?, ?> dict(@Nullable Object object) {
    if (object instanceof OpaqueObject opaque && !opaque.items().isEmpty()) {
      return opaque.items();
    }
    return object instanceof Map<?, ?> map ? map : null;
  }

  private static Map<String, TorchTensor> tensors(Map<?, ?> dict) {
    Map<String, TorchTensor> tensors = new LinkedHashMap<>();
    dict.forEach(
        (name, value) -> {
          if (value instanceof TorchTensor tensor) {
            tensors.put((String) name, tensor);
          }
        });
    return tensors;
  }

  /** Says which entries of a state_dict are no tensors that are read here. */
  private void noteOthers(Map<?, ?> dict) {
    dict.forEach(
        (name, value) -> {
          if (value instanceof OpaqueObject object && dict(value) == null) {
            notes.add(
                "'"
                    + RestrictedUnpickler.printable((String) name)
                    + "' is left out: "
                    + RestrictedUnpickler.describe(object)
                    + " is no tensor of a known kind");
          }
        });
  }

  private void noteEntries(String chosen, Map<?, ?> root) {
    String top = chosen.contains(".") ? chosen.substring(0, chosen.indexOf('.')) : chosen;
    List<String> others =
        root.keySet().stream().map(key -> (String) key).filter(key -> !key.equals(top)).toList();
    notes.add(
        "the weights are the entry '"
            + RestrictedUnpickler.printable(chosen)
            + "' of a checkpoint"
            + (others.isEmpty() ? "" : "; beside it are " + listed(others)));
  }

  private static String listed(List<String> names) {
    return names.stream()
            .limit(LISTED)
            .map(RestrictedUnpickler::printable)
            .collect(Collectors.joining(", "))
        + (names.size() > LISTED ? " and " + (names.size() - LISTED) + " more" : "");
  }

  private static boolean isModule(@Nullable Object object) {
    return object instanceof OpaqueObject opaque && opaque.isModule();
  }

  private WeightsException withoutTensors(Map<?, ?> root) {
    for (Map.Entry<?, ?> entry : root.entrySet()) {
      if (isModule(entry.getValue())) {
        return wholeModel((OpaqueObject) entry.getValue(), "['" + entry.getKey() + "']");
      }
    }
    List<String> names = root.keySet().stream().map(key -> (String) key).limit(LISTED).toList();
    return noStateDict("a dict of [" + listed(names) + "] without tensors");
  }

  private WeightsException wholeModel(OpaqueObject model, String item) {
    String file = path.getFileName() == null ? "FILE" : path.getFileName().toString();
    String target = file.replaceFirst("\\.[^.]*$", "") + "-state_dict.pth";
    return WeightsException.of(
        path,
        "it has a pickle that needs "
            + RestrictedUnpickler.printable(model.type())
            + ": a whole model, whose code only Python has",
        "make a state_dict of it there with torch.save(model.state_dict(), ...):"
            + "\n  model = torch.load('"
            + file
            + "', map_location='cpu', weights_only=False)"
            + RestrictedUnpickler.printable(item)
            + "\n  torch.save(model.state_dict(), '"
            + target
            + "')");
  }

  private WeightsException noStateDict(String found) {
    return WeightsException.of(
        path,
        "it holds " + found + ", not a state_dict",
        "give one, or a dict with one under state_dict, model_state_dict, model or net");
  }
}
