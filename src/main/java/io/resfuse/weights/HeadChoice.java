package io.resfuse.weights;

import io.resfuse.tensor.DataType;
import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import io.resfuse.weights.format.StoredTensor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Decides which of the tensors that are neither stem nor stages are the head, {@code fc}: one
 * linear layer that takes as many features as the last stage has channels, whatever it is called
 * ({@code fc.1} behind a dropout, {@code classifier}, {@code head.fc}). What is left belongs to a
 * head of several layers, or to none; who calls decides whether it may be left out.
 */
final class HeadChoice {
  /** What training keeps beside a network. */
  private static final Pattern TRAINING =
      Pattern.compile(
          "(?i).*(criterion|loss|queue|prototype|centers?\\b|metric|optimi|_ema|^ema|ema_|swa|averaged"
              + "|teacher|momentum|auroc|accuracy).*");

  /** Linear layers that classify nothing. */
  private static final Pattern PROJECTION =
      Pattern.compile("(?i).*(proj|predictor|decoder|discriminator|embed|bottleneck).*");

  private static final Set<String> NAMES =
      Set.of("fc", "linear", "head", "heads", "classifier", "last_linear", "logits", "output");

  private final Map<String, Group> groups = new LinkedHashMap<>();
  private final List<String> notes = new ArrayList<>();
  private final List<String> leftOut = new ArrayList<>();
  private final List<String> unexpected = new ArrayList<>();
  private final List<MappedTensor> head = new ArrayList<>();
  private final List<String> heads = new ArrayList<>();

  /**
   * A tensor that is neither stem nor stages.
   *
   * @param name without the network's prefix
   * @param isInside whether it had that prefix
   * @param tensor of the file
   * @param order of its dimensions
   */
  record Rest(String name, boolean isInside, StoredTensor tensor, MappedTensor.Order order) {
    String layer() {
      return name.substring(0, Math.max(0, name.lastIndexOf('.')));
    }

    boolean is(String variable) {
      return name.endsWith("." + variable);
    }

    MappedTensor as(String parameter) {
      return new MappedTensor(parameter, tensor, order);
    }

    Shape shape() {
      return as(name).shape();
    }
  }

  /** The tensors of one part of the model, by the first word of their names. */
  private record Group(String name, boolean isInside, List<Rest> tensors) {
    /** The weight, if the part is one linear layer of so many inputs. */
    @Nullable Rest linear(int features) {
      List<Rest> weights = tensors.stream().filter(t -> t.is("weight")).toList();
      if (weights.size() != 1 || tensors.size() > 2) {
        return null;
      }
      Rest weight = weights.get(0);
      Shape shape = weight.shape();
      if (shape.rank() != 2 || shape.dimension(1) != features || shape.dimension(0) < 1) {
        return null;
      }
      Shape outputs = Shape.of(shape.dimension(0));
      boolean bias =
          tensors.stream()
              .filter(t -> !t.equals(weight))
              .allMatch(
                  t ->
                      t.is("bias")
                          && t.layer().equals(weight.layer())
                          && t.shape().equals(outputs));
      return bias ? weight : null;
    }

    boolean hasLinear() {
      return tensors.stream().anyMatch(t -> t.is("weight") && t.shape().rank() == 2);
    }

    /** Whether it is a head, of whatever kind: it has a linear layer, or is called so. */
    boolean isHead() {
      return hasLinear() || NAMES.contains(name);
    }

    boolean takes(int features) {
      return tensors.stream()
          .filter(t -> t.is("weight"))
          .map(Rest::shape)
          .anyMatch(s -> s.rank() == 2 && s.dimension(1) == features);
    }

    boolean isTraining() {
      return TRAINING.matcher(name).matches();
    }

    /** Whether it may be the head of a network by its name. */
    boolean mayClassify() {
      return !isTraining() && !PROJECTION.matcher(name).matches();
    }
  }

  /**
   * Decides.
   *
   * @param rest what is neither stem nor stages
   * @param features channels of the last stage; 0 if it has none
   */
  HeadChoice(List<Rest> rest, int features) {
    for (Rest tensor : rest) {
      String part = tensor.name.contains(".") ? tensor.name.replaceFirst("\\..*", "") : tensor.name;
      groups
          .computeIfAbsent(
              (tensor.isInside ? "+" : "-") + part,
              key -> new Group(part, tensor.isInside, new ArrayList<>()))
          .tensors
          .add(tensor);
    }
    Group chosen = choose(features);
    for (Group group : groups.values()) {
      List<String> names = group.tensors.stream().map(t -> t.tensor.name()).toList();
      if (group.isHead()) {
        heads.addAll(names);
      }
      if (group.equals(chosen)) {
        take(group, features);
      } else {
        boolean headOfOtherKind = chosen == null && group.isHead();
        boolean needless = group.isTraining() || !group.isInside || headOfOtherKind;
        (needless ? leftOut : unexpected).addAll(names);
      }
    }
  }

  private @Nullable Group choose(int features) {
    Group plain = groups.get("+fc");
    if (plain != null
        && plain.tensors.stream().allMatch(t -> t.name.matches("fc\\.(weight|bias)"))) {
      return isFollowed(plain, features) ? null : plain;
    }
    List<Group> fitting =
        groups.values().stream()
            .filter(g -> g.mayClassify() && g.linear(features) != null)
            .sorted(Comparator.comparing(g -> !g.isInside))
            .toList();
    boolean one =
        fitting.size() == 1
            || (fitting.size() > 1 && fitting.get(0).isInside && !fitting.get(1).isInside);
    return one && !isFollowed(fitting.get(0), features) ? fitting.get(0) : null;
  }

  /** Whether another linear layer takes what a head gives: then it is not the last. */
  private boolean isFollowed(Group group, int features) {
    Rest weight = group.linear(features);
    if (weight == null) {
      return false;
    }
    int outputs = weight.shape().dimension(0);
    return outputs != features
        && groups.values().stream()
            .anyMatch(other -> !other.equals(group) && other.mayClassify() && other.takes(outputs));
  }

  private void take(Group group, int features) {
    Rest weight = group.linear(features);
    for (Rest tensor : group.tensors) {
      head.add(tensor.as(tensor.is("bias") ? "fc.bias" : "fc.weight"));
    }
    if (weight == null) {
      return;
    }
    if (!weight.layer().equals("fc")) {
      notes.add("the head is '" + weight.layer() + "'");
    }
    if (group.tensors.size() == 1) {
      Shape outputs = Shape.of(weight.shape().dimension(0));
      notes.add("the head has no bias; zeros are taken");
      StoredTensor zeros =
          new StoredTensor("fc.bias", DataType.FLOAT32, outputs, () -> HostTensor.zeros(outputs));
      head.add(new MappedTensor("fc.bias", zeros, MappedTensor.Order.SAME));
    }
  }

  /** {@code fc.weight} and {@code fc.bias}, or nothing. */
  List<MappedTensor> head() {
    return head;
  }

  /** Tensors of heads by the file's names, whether one was taken or not. */
  List<String> heads() {
    return heads;
  }

  List<String> notes() {
    return notes;
  }

  /** Tensors by the file's names that belong to no ResNet's stem, stages and linear head. */
  List<String> leftOut() {
    return leftOut;
  }

  /** Tensors by the file's names that stand inside of the network and have no place in it. */
  List<String> unexpected() {
    return unexpected;
  }
}
