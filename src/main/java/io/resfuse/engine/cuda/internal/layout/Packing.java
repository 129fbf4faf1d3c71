package io.resfuse.engine.cuda.internal.layout;

/**
 * How the groups of a convolution lie in packs, each of which runs as a dense convolution whose
 * weights are zero between different groups. A pack is the least number of groups whose channels
 * are multiples of 8 and at least 32 wide on both sides; where there is none, all groups are one
 * pack, whose channels are padded.
 *
 * @param packs how many
 * @param channels input channels of a pack, padded
 * @param outputs output channels of a pack, padded
 * @param groupChannels input channels of a group
 * @param groupOutputs output channels of a group
 * @param groupsPerPack groups of a pack
 */
public record Packing(
    int packs, int channels, int outputs, int groupChannels, int groupOutputs, int groupsPerPack) {
  /** Narrower packs would leave the tensor cores' tiles half empty. */
  private static final int NARROWEST = 32;

  static Packing of(int inChannels, int outChannels, int groups) {
    return of(inChannels, outChannels, groups, Activation.CHANNEL_MULTIPLE);
  }

  /** With channels of packs that are multiples of another number. */
  static Packing of(int inChannels, int outChannels, int groups, int multiple) {
    int in = inChannels / groups;
    int out = outChannels / groups;
    for (int size = 1; size < groups; size++) {
      if (groups % size == 0 && isWide(size * in, multiple) && isWide(size * out, multiple)) {
        return new Packing(groups / size, size * in, size * out, in, out, size);
      }
    }
    return new Packing(
        1,
        Activation.pad(inChannels, multiple),
        Activation.pad(outChannels, multiple),
        in,
        out,
        groups);
  }

  /**
   * For libraries, which know groups: each is a pack, where that leaves no gaps between pixels. The
   * pixels of an image that nothing else reads are padded to 4 channels.
   */
  static Packing forLibrary(int inChannels, int outChannels, int groups, boolean onlyUseOfImage) {
    int in = inChannels / groups;
    int out = outChannels / groups;
    if (groups > 1
        && inChannels % Activation.CHANNEL_MULTIPLE == 0
        && outChannels % Activation.CHANNEL_MULTIPLE == 0) {
      return new Packing(groups, in, out, in, out, 1);
    }
    boolean narrow = onlyUseOfImage && groups == 1 && inChannels <= WeightLayout.STEM_PITCH;
    int channels = narrow ? WeightLayout.STEM_PITCH : Activation.pad(inChannels);
    return new Packing(1, channels, Activation.pad(outChannels), in, out, groups);
  }

  private static boolean isWide(int channels, int multiple) {
    return channels % multiple == 0 && channels >= NARROWEST;
  }
}
