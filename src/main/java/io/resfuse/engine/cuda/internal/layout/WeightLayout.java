package io.resfuse.engine.cuda.internal.layout;

import io.resfuse.engine.Operation.Window;
import io.resfuse.engine.cuda.internal.kernels.ElementType;

/**
 * Where the weights of a convolution lie: {@code [outputs][tapRow][tapColumn][channels]}, outputs
 * and channels of a pack padded, or, for a stem, {@code [outputs][tapRow][pixels of a row of
 * taps]}. Knows nothing of batch and image size. A linear layer is a convolution with one tap.
 *
 * <p>A <em>stem</em> reads an image of at most 4 channels, where padding each tap to 8 channels
 * would more than double the work. Its pixels are {@link #STEM_PITCH} elements apart, or {@link
 * #STEM_PITCH_OF_BYTES}, in an image with a border of zeros, so that a row of taps is one run of
 * elements, and one tap to the kernels.
 *
 * @param packing groups
 * @param kernel rows and columns of taps
 * @param stemPitch elements from one pixel of a stem's image to the next; 0 if it is no stem
 */
public record WeightLayout(Packing packing, int kernel, int stemPitch) {
  /** Elements from one pixel of a stem's image to the next. */
  static final int STEM_PITCH = 4;

  /** Of an image of bytes: its rows of taps begin at every second pixel at least. */
  static final int STEM_PITCH_OF_BYTES = 8;

  /** With the usual pitch of stems, if it is one. */
  public WeightLayout(Packing packing, int kernel, boolean stem) {
    this(packing, kernel, stem ? STEM_PITCH : 0);
  }

  /** Whether a row of taps is one tap. */
  public boolean stem() {
    return stemPitch > 0;
  }

  /**
   * Whether a convolution of the image runs as a stem: its rows of taps must begin at multiples of
   * 16 bytes and have no gaps.
   */
  static boolean canBeStem(int inChannels, int groups, Window window, ElementType type) {
    int pitch = stemPitch(type);
    return groups == 1
        && inChannels <= pitch
        && window.kernel() > 1
        && window.dilation() == 1
        && window.stride() * pitch * type.bytes() % 16 == 0;
  }

  /** The pitch of an image of a type. */
  static int stemPitch(ElementType type) {
    return type == ElementType.U8 ? STEM_PITCH_OF_BYTES : STEM_PITCH;
  }

  /** Elements per tap of the kernels. */
  public int channels() {
    return stem() ? Activation.pad(kernel * stemPitch, 2 * stemPitch) : packing.channels();
  }

  public int tapColumns() {
    return stem() ? 1 : kernel;
  }

  public int taps() {
    return kernel * tapColumns();
  }

  /** Elements from one output channel to the next. */
  public int pitch() {
    return taps() * channels();
  }

  /** Output channels of all packs, padded. */
  public int outputs() {
    return packing.packs() * packing.outputs();
  }

  public long elements() {
    return (long) outputs() * pitch();
  }

  /** Elements of the transposed copy; a stem's last rows are read with some that do not exist. */
  public long transposedElements() {
    int rows = packing.packs() * channels() + (stem() ? Activation.CHANNEL_MULTIPLE : 0);
    return (long) rows * taps() * packing.outputs();
  }

  /** Channels of a pack that are no padding. */
  public int validChannels() {
    if (stem()) {
      return kernel * stemPitch;
    }
    return packing.groupsPerPack() * packing.groupChannels();
  }

  /** Input channels that have weights with the same outputs, as the kernels count them. */
  public int groupChannels() {
    return isGrouped() ? packing.groupChannels() : channels();
  }

  /** Output channels that have weights with the same inputs. */
  public int groupOutputs() {
    return isGrouped() ? packing.groupOutputs() : packing.outputs();
  }

  private boolean isGrouped() {
    return packing.packs() * packing.groupsPerPack() > 1;
  }

  /** Where element (output, channel of the group, row, column) of the parameter lies. */
  int index(int output, int channel, int row, int column) {
    int start = output * pitch();
    if (stem()) {
      return start + row * channels() + column * stemPitch + channel;
    }
    int group = output / packing.groupOutputs() % packing.groupsPerPack();
    return start + (row * kernel + column) * channels() + group * packing.groupChannels() + channel;
  }
}
