package io.resfuse.engine;

import io.resfuse.tensor.HostTensor;
import io.resfuse.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.Map;

/**
 * A network made ready to train on one batch and image size, with weights of its own. One owner:
 * not thread-safe. {@link #forward}, {@link #softmaxCrossEntropy}, {@link #backward} and {@link
 * #update} allocate nothing.
 *
 * <p>A step is {@code input().put(...); forward(); softmaxCrossEntropy(labels, 0); backward();
 * update(rate)}. For another loss, write {@link #outputGradient} instead.
 */
public interface TrainingPlan extends AutoCloseable {
  /**
   * What it was made for.
   *
   * @return the options
   */
  TrainingOptions options();

  /**
   * Where the caller writes the images: direct, in the options' layout, already normalised.
   *
   * @return the same buffer always; its position and limit are not used
   * @throws IllegalStateException if closed, or if the plan takes pixels
   */
  FloatBuffer input();

  /**
   * Where the caller writes the images of a plan that takes pixels: direct, one unsigned byte per
   * sample, (batch, height, width, channels) whatever the layout. They are normalised on the
   * engine's device.
   *
   * @return the same buffer always; its position and limit are not used
   * @throws IllegalStateException if closed, or if the options did not ask for pixels
   */
  default ByteBuffer pixels() {
    throw new IllegalStateException("this plan takes floats: write them to input()");
  }

  /**
   * Runs forward with batch statistics, keeps what backward needs, moves the running statistics.
   */
  void forward();

  /**
   * Runs forward with running statistics and changes nothing; {@link #backward} after it throws
   * {@link IllegalStateException}.
   */
  void evaluate();

  /**
   * An output of the last {@link #forward} or {@link #evaluate}: direct, in the options' layout.
   *
   * @param name one of the options' outputs
   * @return the same buffer always
   * @throws IllegalArgumentException if the options have no such output
   */
  FloatBuffer output(String name);

  /**
   * The shape of an output.
   *
   * @param name one of the options' outputs
   * @return (batch, channels, height, width) whatever the layout, or (batch, channels)
   */
  Shape outputShape(String name);

  /**
   * The gradient of the loss with respect to an output, which {@link #backward} reads: direct, in
   * the options' layout, zero at first. {@link #softmaxCrossEntropy} writes that of its output.
   *
   * @param name one of the options' outputs
   * @return the same buffer always
   * @throws IllegalArgumentException if the options have no such output
   */
  FloatBuffer outputGradient(String name);

  /**
   * {@link #softmaxCrossEntropy(String, int[], double, double)} of the output {@code logits} with
   * the weight 1.
   *
   * @param labels one class per image, or per pixel of logits that are images; -1 for none
   * @param smoothing 0 for none, at most 1
   * @return the loss, 0 if there is no label
   */
  default double softmaxCrossEntropy(int[] labels, double smoothing) {
    return softmaxCrossEntropy("logits", labels, smoothing, 1);
  }

  /**
   * A weight times the mean of the cross-entropies between the softmax over an output's channels
   * and the smoothed labels {@code (1 - smoothing) onehot + smoothing / classes} (Szegedy et al.
   * 2016, section 7); writes the gradient of that output. Of an output that is an image each pixel
   * has a label, and the mean is over the pixels of all images that have one (PyTorch's {@code
   * CrossEntropyLoss}, whose {@code ignore_index} is -1 here). The loss of a network with several
   * outputs is the sum of what this returns for each.
   *
   * @param output one of the options' outputs
   * @param labels one class per image (batch), or per pixel (batch, height, width); those of -1
   *     have no loss and no gradient, and do not count in the mean
   * @param smoothing 0 for none, at most 1
   * @param weight of this output's loss among those of others, finite and at least 0
   * @return the loss, 0 if there is no label
   * @throws IllegalArgumentException if there are not as many labels as images or pixels, a label,
   *     the smoothing or the weight is out of range, or the plan has no such output
   */
  double softmaxCrossEntropy(String output, int[] labels, double smoothing, double weight);

  /**
   * The same of the output {@code logits} against a distribution per image, as mixup and cutmix
   * need it.
   *
   * @param targets (batch, classes), each row summing to 1; position and limit are not used
   * @return the loss
   * @throws IllegalArgumentException if there are not as many as images and classes, the plan has
   *     no {@code logits}, or these are images
   */
  double softmaxCrossEntropy(FloatBuffer targets);

  /**
   * Computes the gradient of every parameter that is not frozen, and of the images if asked for.
   * Each call needs a {@link #forward} of its own, and uses up what that kept; between the two
   * there may be losses, but no {@link #evaluate}, {@link #update} or {@link #writeParameters}.
   *
   * @param accumulate whether to add to the gradients of parameters that are there, rather than
   *     replace them
   * @throws IllegalStateException if there was no such {@link #forward}
   */
  void backward(boolean accumulate);

  /**
   * The gradient of the images: direct, in the options' layout.
   *
   * @return the same buffer always
   * @throws IllegalStateException if the options do not ask for it
   */
  FloatBuffer inputGradient();

  /**
   * Copies a parameter's gradient.
   *
   * @param parameter name of a trainable parameter that is not frozen, and that leads to one of the
   *     options' outputs
   * @param target of the parameter's shape
   * @throws IllegalArgumentException if it has no gradient, or another shape than the target
   */
  void readGradient(String parameter, HostTensor target);

  /**
   * The norm of all gradients together.
   *
   * @return the square root of the sum of squares, in float64, in an order that does not change
   */
  double gradientNorm();

  /**
   * One step of the optimizer with gradients multiplied by a factor. {@link #backward} after it
   * needs a new {@link #forward}.
   *
   * @param learningRate of this step
   * @param gradientScale 1, or less to clip or to average accumulated gradients
   */
  void update(double learningRate, double gradientScale);

  /**
   * Copies the parameters, running statistics included, to the host.
   *
   * @param target of the network
   */
  void readParameters(Parameters target);

  /**
   * Replaces the parameters, running statistics included. {@link #backward} after it needs a new
   * {@link #forward}.
   *
   * @param source of the network
   */
  void writeParameters(Parameters source);

  /**
   * Copies of the optimizer's state, for checkpoints.
   *
   * @return {@code PARAMETER/momentum}, {@code PARAMETER/exp_avg}, ... and {@code steps} (one
   *     element)
   */
  Map<String, HostTensor> readOptimizerState();

  /**
   * Replaces the optimizer's state.
   *
   * @param state as {@link #readOptimizerState} gave it
   * @throws IllegalArgumentException naming what is missing or misshapen
   */
  void writeOptimizerState(Map<String, HostTensor> state);

  /**
   * What it allocated.
   *
   * @return bytes
   */
  PlanMemory memory();

  /**
   * Frees it. Idempotent. Using a closed plan throws {@link IllegalStateException}, but {@link
   * #options}, {@link #outputShape} and {@link #memory} still answer.
   */
  @Override
  void close();
}
