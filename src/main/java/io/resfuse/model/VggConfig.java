package io.resfuse.model;

import io.resfuse.engine.NetworkSpec;
import io.resfuse.engine.ParameterSpec;
import io.resfuse.tensor.Shape;
import java.util.List;

/**
 * A VGG to be built: a variant and what may differ in it. Immutable; the {@code with} methods give
 * changed copies. The defaults are torchvision's.
 *
 * <p>A VGG is stages of 3x3 convolutions with biases, each ended by a max pooling of 2x2 pixels,
 * whose results are the outputs {@code c1}, {@code c2}, ... The names of parameters are
 * torchvision's: places in its {@code features} and {@code classifier}.
 *
 * <p>The fully connected layers of those for ImageNet are convolutions: the first of 7x7 pixels
 * without padding, the second of one; then the mean over what is left of rows and columns, and the
 * linear layer. On 224x224 that is torchvision's network. On larger images it is the dense
 * evaluation of the paper (section 3.2), where torchvision averages the features of the last stage
 * to 7x7 pixels; smaller ones are refused, since nothing is left of them. The paper's dropout is
 * left out: inference does not have it, and training here does without.
 *
 * <p>Those for small images end with a max pooling of 3x3 pixels with padding, which on 32x32 gives
 * what the others' gives, and leaves a pixel of 28x28, too; then the mean, and a linear layer named
 * {@code classifier}. They have no dropout.
 *
 * @param variant depth table
 * @param classes outputs of the head, 0 for a backbone without a head
 * @param inputChannels channels of the images
 * @param epsilon of all batch norms
 * @param momentum of all batch norms, PyTorch's sense: the share of the new batch
 */
public record VggConfig(
    VggVariant variant, int classes, int inputChannels, double epsilon, double momentum)
    implements NetworkConfig {
  private static final int IMAGENET_CLASSES = 1000;
  private static final int SMALL_CLASSES = 10;
  private static final int SMALL_IMAGE = 32;

  /**
   * Checks the ranges.
   *
   * @param variant as in the record
   * @param classes as in the record
   * @param inputChannels as in the record
   * @param epsilon as in the record
   * @param momentum as in the record
   */
  public VggConfig {
    if (classes < 0 || inputChannels < 1) {
      throw new IllegalArgumentException(
          variant.name()
              + " needs classes >= 0 and input channels >= 1, got "
              + classes
              + " and "
              + inputChannels);
    }
  }

  /**
   * The defaults of a variant: three channels, eps 1e-5, momentum 0.1.
   *
   * @param variant depth table
   * @return a configuration with a head for ImageNet, or for CIFAR-10
   */
  public static VggConfig of(VggVariant variant) {
    int classes = variant.isForSmallImages() ? SMALL_CLASSES : IMAGENET_CLASSES;
    return new VggConfig(variant, classes, 3, 1e-5, 0.1);
  }

  /**
   * The defaults of a variant.
   *
   * @param variantName {@code vgg16_bn}, ...
   * @return a configuration
   */
  public static VggConfig of(String variantName) {
    return of(VggVariant.of(variantName));
  }

  @Override
  public String name() {
    return variant.name();
  }

  /**
   * The size of image that it was made for.
   *
   * @return 32 without hidden layers, else what leaves 7 rows and columns behind the last stage:
   *     224 for five stages
   */
  @Override
  public int imageSize() {
    return isForSmallImages() ? SMALL_IMAGE : Vgg.DENSE_SIZE << variant.widths().size();
  }

  @Override
  public boolean isForSmallImages() {
    return variant.isForSmallImages();
  }

  @Override
  public VggConfig withClasses(int count) {
    return new VggConfig(variant, count, inputChannels, epsilon, momentum);
  }

  @Override
  public VggConfig withInputChannels(int channels) {
    return new VggConfig(variant, classes, channels, epsilon, momentum);
  }

  @Override
  public VggConfig withEpsilon(double eps) {
    return new VggConfig(variant, classes, inputChannels, eps, momentum);
  }

  @Override
  public VggConfig backbone() {
    return withClasses(0);
  }

  @Override
  public NetworkSpec build() {
    return Vgg.build(this);
  }

  @Override
  public List<Stage> stageOutputs() {
    return Vgg.stageOutputs(this);
  }

  @Override
  public Shape storedShape(ParameterSpec parameter) {
    return Vgg.storedShape(parameter);
  }
}
