// What the kernels of maps.cu are given: maps as a whole are resized and joined, and each pixel's class is judged. Words and alignments
// are those of parameters.cuh.
#pragma once

namespace resfuse {

// Bilinear interpolation between the centres of pixels: PyTorch's interpolate(mode="bilinear", align_corners=False). With h rows in and H
// rows out, row Y lies at numerator(Y) / 2H of the input's rows,
//   numerator(Y) = max(0, (2 Y + 1) h - H),
// between row y = floor(numerator / 2H) and row y + 1 (after the last, the last), whose share is the remainder / 2H; columns likewise.
//   out[Y][X] = (1 - r) ((1 - c) in[y][x] + c in[y][x + 1]) + r ((1 - c) in[y + 1][x] + c in[y + 1][x + 1])
// And back, each pixel of the input has from each pixel of the output what it gave:
//   inputGradient[y][x] (+)= sum over Y, X of weight(y, Y) weight(x, X) gradient[Y][X],
//   weight(y, Y) = max(0, 1 - |min(numerator(Y), 2H (h - 1)) - 2H y| / 2H)
struct BilinearResize {
  const void* input;              // T [images][inputHeight][inputWidth][channels]; backward: the gradient of the output
  void* output;                   // T [images][outputHeight][outputWidth][channels]; backward: that of the input
  int images, inputHeight, inputWidth, outputHeight, outputWidth, channels;   // sizes are the forward pass'; (2 h + 3) (H + 1) < 2^31
  int accumulate;                 // backward only
};

// out[pixel][outputFirst + i] (+)= in[pixel][inputFirst + i] for 0 <= i < channels, (+)= 0 for channels <= i < written: one image's
// channels beside those of others, and from there back.
struct ChannelCopy {
  const void* input;              // T, pixels of inputPitch
  void* output;                   // T, pixels of outputPitch
  int pixels, inputPitch, outputPitch;
  int inputFirst, outputFirst, channels, written;
  int accumulate;
};

// SoftmaxCrossEntropy of each pixel. With t = (1 - smoothing) onehot(label) + smoothing / classes, and nothing for a label of -1,
//   loss of a pixel = -sum over k of t[k] log softmax(z)[k],  gradient[k] = (softmax(z)[k] - t[k]) * scale
struct PixelCrossEntropy {
  const void* logits;             // T [images][plane][pitch]
  const int* labels;              // [images][plane]
  float* loss;                    // per block: the sum over its pixels
  float* gradient;                // [images][classes][plane], or [images][plane][classes]
  int pixels, plane, classes, pitch;   // of all images, of one
  int channelsLast;               // whether the gradient is the latter
  int pixelsPerBlock;             // at most 128
  float smoothing;
  float scale;                    // the loss's weight / pixels that have a label
};

}  // namespace resfuse
