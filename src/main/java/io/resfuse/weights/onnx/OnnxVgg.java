package io.resfuse.weights.onnx;

import io.resfuse.engine.Operation;
import io.resfuse.engine.Operation.FusedConv;
import io.resfuse.engine.Operation.Linear;
import io.resfuse.engine.Operation.MaxPool;
import io.resfuse.engine.Operation.Window;
import io.resfuse.model.VggConfig;
import io.resfuse.model.VggVariant;
import io.resfuse.weights.onnx.MatchedNetwork.Conv;
import io.resfuse.weights.onnx.MatchedNetwork.Norm;
import io.resfuse.weights.onnx.MatchedVgg.Stage;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A graph that is a VGG. Where batch norms were folded into convolutions it is the one without
 * them, whose convolutions have biases, too.
 */
final class OnnxVgg extends OnnxNetwork {
  /** Of any dimension, as in the descriptions of our own files. */
  private static final int LARGEST = 1 << 14;

  private static final int MOST_STAGES = 8;
  private static final int MOST_CLASSES = 1 << 24;
  private static final Window HALVING = new Window(2, 2, 0, 1);

  private final MatchedVgg matched;

  OnnxVgg(Graph graph, MatchedVgg matched, @Nullable VggConfig stated) {
    super(graph, stated == null ? config(graph, matched) : stated, matched.notes());
    this.matched = matched;
  }

  private static VggConfig config(Graph graph, MatchedVgg matched) {
    List<Integer> counts = new ArrayList<>();
    List<Integer> widths = new ArrayList<>();
    for (Stage stage : matched.stages()) {
      counts.add(stage.convs().size());
      widths.add(stage.convs().get(0).outChannels());
    }
    int hidden = matched.dense().isEmpty() ? 0 : matched.dense().get(0).outChannels();
    boolean isBackbone = matched.head() == null && matched.dense().isEmpty();
    if (isBackbone && matched.stages().stream().allMatch(s -> isHalving(s))) {
      // Of two with these stages, the one that images of any size leave something of.
      hidden = VggVariant.of("vgg16").hidden();
    }
    int classes = matched.head() == null ? 0 : matched.head().weight().shape().dimension(0);
    boolean sane =
        counts.size() <= MOST_STAGES
            && widths.stream().allMatch(n -> n >= 1 && n <= LARGEST)
            && hidden <= LARGEST
            && classes <= MOST_CLASSES
            && (matched.head() == null || classes >= 1)
            && matched.inputChannels() >= 1
            && matched.inputChannels() <= LARGEST;
    if (!sane) {
      throw graph.refuse(
          matched.stages().get(0).convs().get(0).node(),
          "begins a network that is out of all size");
    }
    boolean batchNorm = norms(matched).findAny().isPresent();
    VggVariant variant = new VggVariant("vgg", counts, widths, batchNorm, hidden).withUsualName();
    VggConfig usual = VggConfig.of(variant);
    return new VggConfig(
        variant,
        classes,
        matched.inputChannels(),
        norms(matched).mapToDouble(Norm::epsilon).min().orElse(usual.epsilon()),
        norms(matched).mapToDouble(Norm::momentum).findFirst().orElse(usual.momentum()));
  }

  private static boolean isHalving(Stage stage) {
    return stage.pool().window().equals(HALVING);
  }

  private static Stream<Norm> norms(MatchedVgg matched) {
    return matched.stages().stream()
        .flatMap(stage -> stage.convs().stream())
        .map(Conv::norm)
        .filter(norm -> norm != null);
  }

  @Override
  void compare() {
    Iterator<Stage> stages = matched.stages().iterator();
    Iterator<Conv> convs = List.<Conv>of().iterator();
    Iterator<Conv> dense = matched.dense().iterator();
    Stage stage = null;
    for (Operation operation : network().operations()) {
      if (operation instanceof FusedConv ours && ours.name().startsWith("features.")) {
        if (stage == null) {
          stage = next(stages, operation);
          convs = stage.convs().iterator();
        }
        compare(ours, next(convs, operation));
      } else if (operation instanceof FusedConv ours) {
        compare(ours, next(dense, operation));
      } else if (operation instanceof MaxPool pool && stage != null) {
        compare(pool, stage, convs);
        stage = null;
      } else if (operation instanceof Linear linear) {
        add(linear, matched.head());
      }
    }
    if (stages.hasNext()) {
      throw graph()
          .refuse(
              stages.next().pool().node(), "ends one stage more than " + network().name() + " has");
    }
  }

  private <T> T next(Iterator<T> left, Operation operation) {
    if (!left.hasNext()) {
      throw graph()
          .refuse(
              matched.stages().get(matched.stages().size() - 1).pool().node(),
              "is in a network without the "
                  + operation.name()
                  + " that "
                  + network().name()
                  + " has");
    }
    return left.next();
  }

  private void compare(FusedConv ours, Conv theirs) {
    boolean isMatrix = theirs.weight().shape().rank() == 2;
    if (!isMatrix) {
      requireWindow(ours, theirs);
    }
    convs().put(ours.name(), theirs);
    add(ours, theirs);
  }

  private void compare(MaxPool ours, Stage theirs, Iterator<Conv> convs) {
    if (convs.hasNext()) {
      throw graph()
          .refuse(convs.next().node(), "is no part of " + network().name() + ", which is shorter");
    }
    boolean same = theirs.pool().window().equals(ours.window());
    // On 2x2 pixels the small networks' last pooling of 3x3 is one of 2x2.
    boolean coversAll = theirs.height() == 2 && theirs.width() == 2 && isHalving(theirs);
    if (!same && !coversAll) {
      throw graph()
          .refuse(
              theirs.pool().node(),
              "has "
                  + theirs.pool().window()
                  + " where "
                  + network().name()
                  + " has "
                  + ours.window());
    }
    nodes().put(ours.name(), theirs.pool().node());
  }
}
