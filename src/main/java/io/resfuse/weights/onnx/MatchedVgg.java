package io.resfuse.weights.onnx;

import io.resfuse.weights.onnx.MatchedNetwork.Conv;
import io.resfuse.weights.onnx.MatchedNetwork.Head;
import io.resfuse.weights.onnx.MatchedNetwork.Pool;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A graph as the parts of a VGG.
 *
 * @param inputChannels of the picture
 * @param stages in their order
 * @param dense the two layers before the last one, or none; where they are products of matrices,
 *     their weights have two dimensions
 * @param head the last linear layer, or null
 * @param notes what was left out, one sentence each
 */
record MatchedVgg(
    int inputChannels,
    List<Stage> stages,
    List<Conv> dense,
    @Nullable Head head,
    List<String> notes) {
  /**
   * A stage.
   *
   * @param convs convolutions, a ReLU after each
   * @param pool that ends it
   * @param height rows before the pooling, or -1 if that is not fixed
   * @param width columns before the pooling, or -1
   */
  record Stage(List<Conv> convs, Pool pool, long height, long width) {}
}
