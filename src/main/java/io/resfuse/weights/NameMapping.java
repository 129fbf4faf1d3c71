package io.resfuse.weights;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.model.NetworkConfig;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.HeadChoice.Rest;
import io.resfuse.weights.LoadReport.Misshapen;
import io.resfuse.weights.format.StoredTensor;
import io.resfuse.weights.format.TensorFile;
import io.resfuse.weights.format.WeightsException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The tensors of a file under torchvision's names, which are ours.
 *
 * <p>Known are the names of PyTorch's ResNets ({@link TorchNames}), and those of Keras's, old
 * ({@code res2a_branch2a}) and new ({@code conv2_block1_1_conv}), whose kernels are transposed.
 * Which tensors are the head, {@link HeadChoice} decides for both. The heads of torchvision's
 * segmentation networks are known by name, {@code classifier.4.weight} being a convolution.
 */
final class NameMapping {
  /** The last convolution of torchvision's heads of segmentation. */
  private static final String LAST_OF_MAPS = "classifier.4.weight";

  private static final Pattern HEAD_OF_MAPS = Pattern.compile("(aux_)?classifier\\.\\d+\\..*");

  /** What names of a segmentation network's ResNet begin with; tensors here are without it. */
  private static final String BACKBONE = "backbone.";

  private final TensorFile file;
  private final Scheme scheme;
  private final Map<String, MappedTensor> tensors = new LinkedHashMap<>();
  private final List<String> unexpected = new ArrayList<>();
  private final List<String> leftOut = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();
  private final Set<String> heads = new HashSet<>();
  private boolean isSegmentation;

  /** Whose names a file has. */
  enum Scheme {
    TORCHVISION,
    /** Of Hugging Face's transformers. */
    HUGGING_FACE,
    /** Of torchvision's and timm's VGGs. */
    VGG,
    /** {@code bn_conv1}, {@code res2a_branch2a}: eps 1e-3. */
    KERAS_OLD,
    /** {@code conv2_block1_1_conv}: eps 1.001e-5. */
    KERAS_NEW;

    boolean isKeras() {
      return this == KERAS_OLD || this == KERAS_NEW;
    }
  }

  private NameMapping(TensorFile file, @Nullable String prefix) {
    this.file = file;
    KerasNames keras = KerasNames.detect(file);
    List<Rest> rest = new ArrayList<>();
    if (keras == null) {
      TorchNames torch = TorchNames.detect(file, prefix, notes);
      scheme =
          torch.isVgg()
              ? Scheme.VGG
              : torch.isHuggingFace() ? Scheme.HUGGING_FACE : Scheme.TORCHVISION;
      mapTorch(torch, rest);
    } else {
      scheme = keras.scheme();
      mapKeras(keras, rest);
    }
    HeadChoice head = new HeadChoice(rest, features());
    head.head().forEach(this::add);
    notes.addAll(head.notes());
    heads.addAll(head.heads());
    leftOut.addAll(0, head.leftOut()); // before those of other models, which are many
    unexpected.addAll(head.unexpected());
  }

  /** Recognises the names of a file. */
  static NameMapping of(TensorFile file) {
    return of(file, null);
  }

  /**
   * Recognises the names of a file.
   *
   * @param prefix of the network wanted, where there are several; or null
   */
  static NameMapping of(TensorFile file, @Nullable String prefix) {
    return new NameMapping(file, prefix);
  }

  private void mapTorch(TorchNames torch, List<Rest> rest) {
    StoredTensor pixels = torch.behind(file, LAST_OF_MAPS);
    isSegmentation = pixels != null && pixels.shape().rank() == 4;
    for (StoredTensor tensor : file.tensors().values()) {
      String name = tensor.name();
      String body = torch.body(name);
      if (TorchNames.isCounter(name)) {
        continue;
      }
      if (torch.isOfAnother(name)) {
        leftOut.add(name);
      } else if (body != null) {
        if (body.startsWith("classifier.")) {
          heads.add(name);
        }
        add(new MappedTensor(body, tensor, MappedTensor.Order.SAME));
      } else if (isSegmentation && HEAD_OF_MAPS.matcher(torch.strip(name)).matches()) {
        heads.add(name);
        add(new MappedTensor(torch.strip(name), tensor, MappedTensor.Order.SAME));
      } else {
        rest.add(
            new Rest(torch.strip(name), torch.isInside(name), tensor, MappedTensor.Order.SAME));
      }
    }
  }

  private void mapKeras(KerasNames keras, List<Rest> rest) {
    for (StoredTensor tensor : file.tensors().values()) {
      MappedTensor mapped = keras.map(tensor);
      if (mapped == null) {
        unexpected.add(tensor.name());
      } else if (keras.isBody(tensor)) {
        add(mapped);
      } else {
        rest.add(new Rest(mapped.parameter(), true, tensor, mapped.order()));
      }
    }
  }

  private void add(MappedTensor mapped) {
    MappedTensor other = tensors.put(mapped.parameter(), mapped);
    if (other != null) {
      throw WeightsException.of(
          file.path(),
          "'"
              + other.tensor().name()
              + "' and '"
              + mapped.tensor().name()
              + "' both stand for "
              + mapped.parameter(),
          "save one model's weights only");
    }
  }

  /** Channels of the last stage, 0 if there is none. */
  private int features() {
    int stage = 1;
    while (shape("layer" + (stage + 1) + ".0.conv1.weight") != null) {
      stage++;
    }
    Shape third = shape("layer" + stage + ".0.conv3.weight");
    Shape last = third == null ? shape("layer" + stage + ".0.conv2.weight") : third;
    return last == null || last.rank() == 0 ? 0 : last.dimension(0);
  }

  Scheme scheme() {
    return scheme;
  }

  /** Whether it has a head whose last layer gives each pixel its classes. */
  boolean isSegmentation() {
    return isSegmentation;
  }

  /** The tensor of a network's parameter; null if there is none. */
  @Nullable MappedTensor tensor(String parameter) {
    MappedTensor own = tensors.get(parameter);
    return own == null && parameter.startsWith(BACKBONE)
        ? tensors.get(parameter.substring(BACKBONE.length()))
        : own;
  }

  /** By torchvision's names, those of a segmentation network's ResNet without their prefix. */
  Map<String, MappedTensor> tensors() {
    return Collections.unmodifiableMap(tensors);
  }

  /** The file's names of tensors of heads, whether one was taken or not. */
  Set<String> heads() {
    return Collections.unmodifiableSet(heads);
  }

  /** The shape of a parameter, or null if the file has none. */
  @Nullable Shape shape(String parameter) {
    MappedTensor tensor = tensors.get(parameter);
    return tensor == null ? null : tensor.shape();
  }

  TensorFile file() {
    return file;
  }

  /** Compares the file with a network, whose parameters may have the shapes that files have. */
  LoadReport compare(NetworkConfig config, List<String> moreNotes) {
    NetworkSpec network = config.build();
    List<String> missing = new ArrayList<>();
    List<Misshapen> misshapen = new ArrayList<>();
    for (ParameterSpec parameter : network.parameters().values()) {
      MappedTensor tensor = tensor(parameter.name());
      if (tensor == null) {
        missing.add(parameter.name());
      } else if (!tensor.shape().equals(parameter.shape())
          && !tensor.shape().equals(config.storedShape(parameter))) {
        misshapen.add(
            new Misshapen(
                parameter.name(),
                tensor.tensor().name(),
                config.storedShape(parameter),
                tensor.shape()));
      }
    }
    List<String> withoutPlace = new ArrayList<>(unexpected);
    for (MappedTensor tensor : tensors.values()) {
      if (!network.parameters().containsKey(tensor.parameter())
          && !network.parameters().containsKey(BACKBONE + tensor.parameter())) {
        withoutPlace.add(tensor.tensor().name());
      }
    }
    List<String> allNotes = new ArrayList<>(file.notes());
    allNotes.addAll(notes);
    allNotes.addAll(moreNotes);
    return new LoadReport(missing, withoutPlace, misshapen, leftOut, allNotes);
  }
}
