package io.resfuse.weights.format;

import io.jhdf.api.Attribute;
import io.jhdf.api.Dataset;
import io.jhdf.api.Group;
import io.jhdf.api.Node;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How Keras 3 lays weights out in HDF5: {@code layers/conv2d_1/vars/0} is the first variable of the
 * second Conv2D. A group {@code vars} says in its attribute {@code name} what the layer is called;
 * older releases did not write it, and the archive's topology has to. Models within models are
 * groups within groups. What the optimizer keeps is left out.
 */
final class Keras3Layout {
  private static final String LAYERS = "layers";
  private static final String VARIABLES = "vars";
  private static final String OPTIMIZER = "optimizer";

  /** Of groups within groups; links could lead in circles. */
  private static final int DEEPEST = 32;

  private static final int MAX_GROUPS = 100_000;

  /** In the order in which layers have them. */
  private static final Map<String, List<String>> NAMES =
      Map.of(
          "conv2d", List.of("kernel", "bias"),
          "dense", List.of("kernel", "bias"),
          "batch_normalization", List.of("gamma", "beta", "moving_mean", "moving_variance"));

  private final Path path;
  private final Map<String, String> topology;
  private final Hdf5Tensors tensors;
  private int groups;

  /**
   * A layout.
   *
   * @param path for messages
   * @param topology names of layers by their places; empty if it is not known
   * @param tensors gets the weights
   */
  Keras3Layout(Path path, Map<String, String> topology, Hdf5Tensors tensors) {
    this.path = path;
    this.topology = topology;
    this.tensors = tensors;
  }

  static boolean isOne(Group root) {
    return root.getChildren().containsKey(LAYERS) || root.getChildren().containsKey(VARIABLES);
  }

  void read(Group root) {
    walk(root, "", "", 0);
  }

  /**
   * Adds the weights of a group and of those below it.
   *
   * @param place of the group, without a slash at its ends
   * @param scope names of the models around it, each with a slash behind
   */
  private void walk(Group group, String place, String scope, int depth) {
    groups++;
    if (depth > DEEPEST || groups > MAX_GROUPS) {
      throw WeightsException.corrupt(path, "its groups are too many, or contain each other");
    }
    String inner = scope;
    Node variables = group.getChild(VARIABLES);
    if (variables != null) {
      Group held = group(variables);
      String name = name(held, place);
      add(held, place, scope, name);
      inner = name == null || depth == 0 ? scope : scope + name + "/";
    }
    for (Map.Entry<String, Node> child : group.getChildren().entrySet()) {
      String key = child.getKey();
      boolean other = key.equals(VARIABLES) || (depth == 0 && key.equals(OPTIMIZER));
      if (!other) {
        walk(group(child.getValue()), place.isEmpty() ? key : place + "/" + key, inner, depth + 1);
      }
    }
  }

  private @Nullable String name(Group variables, String place) {
    Attribute said = variables.getAttribute("name");
    return said != null && said.getSize() == 1 && said.getData() instanceof String name
        ? name
        : topology.get(place);
  }

  private void add(Group variables, String place, String scope, @Nullable String name) {
    int count = variables.getChildren().size();
    if (count == 0) {
      return;
    }
    if (name == null) {
      throw WeightsException.of(
          path,
          "it has variables of "
              + RestrictedUnpickler.printable(place)
              + " without the layer's name, as early releases of Keras 3 wrote them",
          "give the whole model: model.save('model.keras')");
    }
    String kind = place.substring(place.lastIndexOf('/') + 1).replaceFirst("_[0-9]+$", "");
    List<String> names = NAMES.getOrDefault(kind, List.of());
    boolean optional = names.size() == 2;
    if (!names.isEmpty() && (count > names.size() || (count < names.size() && !optional))) {
      throw WeightsException.of(
          path,
          "its layer '"
              + RestrictedUnpickler.printable(name)
              + "' has "
              + count
              + " variables, where "
              + kind
              + " has "
              + String.join(", ", names),
          "batch norms need scale and centre, and weights must not be quantised");
    }
    for (Map.Entry<String, Node> variable : variables.getChildren().entrySet()) {
      String key = variable.getKey();
      if (!(variable.getValue() instanceof Dataset dataset) || dataset.isLink()) {
        throw WeightsException.corrupt(
            path,
            "'"
                + RestrictedUnpickler.printable(variable.getValue().getPath())
                + "' is no data set");
      }
      boolean known = key.matches("[0-3]") && Integer.parseInt(key) < names.size();
      tensors.add(scope + name + "/" + (known ? names.get(Integer.parseInt(key)) : key), dataset);
    }
  }

  private Group group(Node node) {
    if (node.isLink() || !(node instanceof Group group)) {
      throw WeightsException.corrupt(
          path, "'" + RestrictedUnpickler.printable(node.getPath()) + "' is no group");
    }
    return group;
  }
}
