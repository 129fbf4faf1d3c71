package io.resfuse.engine.cuda.internal.kernels;

import java.util.ArrayList;
import java.util.List;

/**
 * The geometry of a convolution in the kernels' terms, and plain loops over it. The gather's
 * "channels" are those of one pack.
 *
 * @param name for messages
 * @param gather where taps read
 * @param outputs output channels of one pack
 * @param packs packs of groups
 */
record ConvolutionCase(String name, Gather gather, int outputs, int packs) {
  /** An ordinary convolution. */
  static ConvolutionCase of(
      int images,
      int height,
      int width,
      int channels,
      int outputs,
      int kernel,
      int stride,
      int padding,
      int dilation,
      int packs) {
    int span = 2 * padding - dilation * (kernel - 1) - 1;
    return new ConvolutionCase(
        String.format(
            "%dx%dx%dx%d to %d, %dx%d/%d, padding %d, dilation %d, %d packs",
            images, height, width, channels, outputs, kernel, kernel, stride, padding, dilation,
            packs),
        new Gather(
            images,
            (height + span) / stride + 1,
            (width + span) / stride + 1,
            height,
            width,
            channels * packs,
            channels,
            stride,
            stride,
            -padding,
            -padding,
            dilation,
            dilation,
            kernel,
            kernel),
        outputs,
        packs);
  }

  /**
   * A convolution on an image with a border of zeros whose taps of one row are one tap: channels
   * are pixels of {@code pitch} elements.
   */
  static ConvolutionCase stem(
      int images, int size, int outputs, int kernel, int stride, int pitch) {
    int grid = (size + 2 * (kernel / 2) - kernel) / stride + 1;
    int channels = (kernel * pitch + 7) / 8 * 8;
    int height = (grid - 1) * stride + kernel;
    int width = ((grid - 1) * stride + channels / pitch + 1) / 2 * 2;
    return new ConvolutionCase(
        String.format("stem %dx%d/%d on %d pixels, pitch %d", kernel, kernel, stride, size, pitch),
        new Gather(
            images, grid, grid, height, width, pitch, channels, stride, stride, 0, 0, 1, 1, kernel,
            1),
        outputs,
        1);
  }

  /** All distinct layers of ResNet-18, -50 and the nets for small images, on small images. */
  static List<ConvolutionCase> layers() {
    List<ConvolutionCase> cases = new ArrayList<>();
    for (int width : new int[] {64, 128, 256, 512}) {
      int size = width >= 256 ? 4 : 7;
      cases.add(of(1, size, size, width, width, 3, 1, 1, 1, 1));
      cases.add(of(1, size, size, width, 4 * width, 1, 1, 0, 1, 1));
      cases.add(of(1, size, size, 4 * width, width, 1, 1, 0, 1, 1));
      if (width > 64) {
        cases.add(of(1, 2 * size, 2 * size, width, width, 3, 2, 1, 1, 1));
        cases.add(of(1, 2 * size, 2 * size, width / 2, width, 3, 2, 1, 1, 1));
        cases.add(of(1, 2 * size, 2 * size, width / 2, width, 1, 2, 0, 1, 1));
        cases.add(of(1, 2 * size, 2 * size, 2 * width, 4 * width, 1, 2, 0, 1, 1));
        cases.add(of(1, size, size, 2 * width, width, 1, 1, 0, 1, 1));
      }
    }
    cases.add(of(1, 9, 9, 64, 64, 1, 1, 0, 1, 1));
    for (int width : new int[] {16, 32, 64}) {
      cases.add(of(2, 8, 8, width, width, 3, 1, 1, 1, 1));
      if (width > 16) {
        cases.add(of(2, 8, 8, width / 2, width, 3, 2, 1, 1, 1));
      }
    }
    cases.add(stem(2, 21, 64, 7, 2, 4));
    cases.add(stem(2, 12, 16, 3, 1, 8));
    cases.add(of(3, 1, 1, 2048, 1000, 1, 1, 0, 1, 1));
    cases.add(of(5, 1, 1, 64, 16, 1, 1, 0, 1, 1));
    cases.add(of(2, 7, 7, 32, 32, 3, 1, 1, 1, 4));
    return cases;
  }

  /** Sizes that fit no tile. */
  static List<ConvolutionCase> ragged() {
    return List.of(
        of(1, 13, 11, 8, 8, 3, 1, 1, 1, 1),
        of(2, 9, 14, 24, 40, 3, 2, 1, 1, 1),
        of(3, 6, 5, 72, 136, 1, 1, 0, 1, 1),
        of(1, 12, 17, 40, 72, 3, 1, 2, 2, 1),
        of(1, 10, 10, 56, 24, 5, 3, 2, 1, 1),
        of(2, 7, 9, 16, 8, 7, 2, 3, 1, 1),
        of(1, 5, 40, 48, 152, 2, 1, 0, 1, 1),
        of(2, 8, 6, 8, 16, 3, 1, 1, 1, 5),
        of(1, 3, 3, 88, 8, 3, 2, 2, 1, 2),
        of(1, 4, 4, 8, 104, 15, 1, 7, 1, 1));
  }

  int rows() {
    return gather.images() * gather.gridHeight() * gather.gridWidth();
  }

  int taps() {
    return gather.tapRows() * gather.tapColumns();
  }

  /** Terms of one sum of the product. */
  int terms() {
    return taps() * gather.channels();
  }

  int inputElements() {
    return gather.images() * gather.inputHeight() * gather.inputWidth() * gather.inputPitch();
  }

  int weightElements() {
    return packs * outputs * terms();
  }

  int outputPitch() {
    return packs * outputs;
  }

  int outputElements() {
    return rows() * outputPitch();
  }

  /** The first element that a tap of a pixel reads, or -1 if it lies outside of the image. */
  int inputAt(int row, int tap) {
    int pixels = gather.gridHeight() * gather.gridWidth();
    int pixel = row % pixels;
    int y =
        pixel / gather.gridWidth() * gather.rowStride()
            + gather.rowOffset()
            + tap / gather.tapColumns() * gather.rowStep();
    int x =
        pixel % gather.gridWidth() * gather.columnStride()
            + gather.columnOffset()
            + tap % gather.tapColumns() * gather.columnStep();
    if (y < 0 || y >= gather.inputHeight() || x < 0 || x >= gather.inputWidth()) {
      return -1;
    }
    int line = row / pixels * gather.inputHeight() + y;
    return (line * gather.inputWidth() + x) * gather.inputPitch();
  }

  /** Does something for all products of a sum: element of the input, weight, output. */
  interface Term {
    void add(int input, int weight, int output);
  }

  /** Walks over all terms; taps outside of the image are left out. */
  void forEachTerm(Term term) {
    for (int row = 0; row < rows(); row++) {
      for (int tap = 0; tap < taps(); tap++) {
        int at = inputAt(row, tap);
        if (at < 0) {
          continue;
        }
        for (int output = 0; output < packs * outputs; output++) {
          int input = at + output / outputs * gather.channels();
          int weight = (output * taps() + tap) * gather.channels();
          for (int channel = 0; channel < gather.channels(); channel++) {
            term.add(input + channel, weight + channel, row * outputPitch() + output);
          }
        }
      }
    }
  }

  @Override
  public String toString() {
    return name;
  }
}
