package io.resfuse.weights;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.LoadReport.Misshapen;
import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightsException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of a file under torchvision's names, which are ours.
 *
 * <p>Known are torchvision's own names (a prefix such as {@code module.} is stripped), and those of
 * Keras's ResNets, old ({@code res2a_branch2a}) and new ({@code conv2_block1_1_conv}), whose
 * kernels are transposed.
 */
final class NameMapping {
  private final TensorFile file;
  private final Scheme scheme;
  private final Map<String, MappedTensor> tensors;
  private final List<String> unknown;
  private final List<String> notes;

  /** Whose names a file has. */
  enum Scheme {
    TORCHVISION,
    /** {@code bn_conv1}, {@code res2a_branch2a}: eps 1e-3. */
    KERAS_OLD,
    /** {@code conv2_block1_1_conv}: eps 1.001e-5. */
    KERAS_NEW
  }

  private NameMapping(
      TensorFile file,
      Scheme scheme,
      Map<String, MappedTensor> tensors,
      List<String> unknown,
      List<String> notes) {
    this.file = file;
    this.scheme = scheme;
    this.tensors = Collections.unmodifiableMap(tensors);
    this.unknown = List.copyOf(unknown);
    this.notes = List.copyOf(notes);
  }

  /** Recognises the names of a file. */
  static NameMapping of(TensorFile file) {
    List<String> notes = new ArrayList<>();
    KerasNames keras = KerasNames.detect(file);
    TorchNames torch = keras == null ? TorchNames.detect(file, notes) : null;
    Map<String, MappedTensor> tensors = new LinkedHashMap<>();
    List<String> unknown = new ArrayList<>();
    for (StoredTensor tensor : file.tensors().values()) {
      if (torch != null && torch.isIgnored(tensor.name())) {
        continue;
      }
      MappedTensor mapped = torch != null ? torch.map(tensor) : keras.map(tensor);
      if (mapped == null) {
        unknown.add(tensor.name());
        continue;
      }
      MappedTensor other = tensors.put(mapped.parameter(), mapped);
      if (other != null) {
        throw WeightsException.of(
            file.path(),
            "'"
                + other.tensor().name()
                + "' and '"
                + tensor.name()
                + "' both stand for "
                + mapped.parameter(),
            "save one model's weights only");
      }
    }
    Scheme scheme = keras == null ? Scheme.TORCHVISION : keras.scheme();
    return new NameMapping(file, scheme, tensors, unknown, notes);
  }

  Scheme scheme() {
    return scheme;
  }

  /** By torchvision's names, in the file's order. */
  Map<String, MappedTensor> tensors() {
    return tensors;
  }

  /** The shape of a parameter, or null if the file has none. */
  @Nullable Shape shape(String parameter) {
    MappedTensor tensor = tensors.get(parameter);
    return tensor == null ? null : tensor.shape();
  }

  TensorFile file() {
    return file;
  }

  /** Compares the file with a network. */
  LoadReport compare(NetworkSpec network, List<String> moreNotes) {
    List<String> missing = new ArrayList<>();
    List<Misshapen> misshapen = new ArrayList<>();
    for (ParameterSpec parameter : network.parameters().values()) {
      MappedTensor tensor = tensors.get(parameter.name());
      if (tensor == null) {
        missing.add(parameter.name());
      } else if (!tensor.shape().equals(parameter.shape())) {
        misshapen.add(
            new Misshapen(
                parameter.name(), tensor.tensor().name(), parameter.shape(), tensor.shape()));
      }
    }
    List<String> unexpected = new ArrayList<>(unknown);
    for (MappedTensor tensor : tensors.values()) {
      if (!network.parameters().containsKey(tensor.parameter())) {
        unexpected.add(tensor.tensor().name());
      }
    }
    List<String> allNotes = new ArrayList<>(notes);
    allNotes.addAll(moreNotes);
    return new LoadReport(missing, unexpected, misshapen, allNotes);
  }
}
