// What every kernel is given: one struct, by value. io.resfuse.engine.cuda.internal.kernels mirrors these field by field; its
// tests hold the sizes against the compiled PTX.
//
// Words used throughout:
//   T         what tensors are stored as: f16, bf16, tf32 (a float rounded to 10 bits of fraction) or f32
//   pixel     one position of one image; tensors are NHWC: the channels of a pixel lie together, 'pitch' elements from one
//             pixel to the next
//   channels  always padded to a multiple of 8. The padding holds zeros: every kernel keeps it so, since padded weights,
//             scales and biases are zero too
//   tap       one position (row, column) of a convolution's window
//   pack      groups of a grouped convolution are packed so that a pack's channels are a multiple of 8; a pack is a dense
//             convolution whose weights are zero outside of the groups
//
// Pointers to T are 16-byte aligned, and so is every pixel of them. Pixels and weights are counted in 32 bits: the host refuses
// convolutions of nearly 2^31 pixels or of 2^29 weights and more (ConvolutionShape in Java). Null means absent where a comment says so.
#pragma once

namespace resfuse {

// An implicit GEMM: out[m][n] = sum over k of in[m][k] weights[n][k], for each pack.
// m counts output pixels of a grid: m = (image * gridHeight + i) * gridWidth + j. k counts taps, then channels:
// k = (tapRow * tapColumns + tapColumn) * channels + channel. Element (m, k) of 'in' is the channel of the input's pixel
//   y = i * rowStride + rowOffset + tapRow * rowStep,  x = j * columnStride + columnOffset + tapColumn * columnStep
// or zero where that lies outside of the input. Row n of the pack's weights begins at (pack * outputs + n) * weightPitch; the
// tap's channels lie at weightOffset + tapRow * weightRowStep + tapColumn * weightColumnStep. The result goes to the output's pixel
//   (i * outputStride + outputRow, j * outputStride + outputColumn).
// This one form is the forward convolution with any stride, padding and dilation; the gradient with respect to the input
// (one launch per residue class of the stride); the stems (whose "channels" are the pixels of a row of taps, lying
// together in a padded image); and the linear layer (a grid of 1 x 1).
struct Convolution {
  const void* input;              // T, pixels of inputPitch
  const void* weights;            // T
  void* output;                   // T, pixels of outputPitch
  const void* residual;           // T, laid out as the output, may be the output; or null. With residualStride s > 1: of every s-th
                                  // row and column of the output only, lying together
  const float* scale;             // per output channel of all packs; or null: 1
  const float* bias;              // the same; or null: 0
  const float* inputScale;        // kernels with a prologue: per input channel of all packs, else unused
  const float* inputBias;         // the same
  float* partials;                // slices > 1: as many tiles as blocks, each of tile rows * tile columns floats
  unsigned* tickets;              // slices > 1: one per tile and pack, zero; left zero
  float* statistics;              // per block of row tiles: the mean of each output channel of all packs, then its sum of squared
                                  // deviations, of the values as stored; or null
  // Where the result is the gradient of what a batch norm gave (kernels without prologue; scale, bias and relu are then not used): it is
  // masked and stored, and summed as BatchNormBackwardReduce does.
  const void* raw;                // T, laid out as the output: what was normalised; or null
  const unsigned char* bits;      // for MASK_BITS
  const float* mean;              // these four per output channel of all packs
  const float* inverse;
  const float* normScale;         // for MASK_INPUT
  const float* normBias;
  float* gradientSums;            // per block of row tiles, as BatchNormBackwardReduce's partials
  int mask;
  // What follows from all statistics, or from all sums of a gradient; or arrivals null: that is left to others. The last block of a group of
  // blocks puts together what these have, in place of what the first has, and the last block of all groups what the groups have; both in
  // order. It gives, as BatchNormFinalize says, mean, inverse, scale and bias of this result, and moves the running statistics; or, as
  // BatchNormBackwardFinalize says, dBeta, dGamma, a, b and c. All of them per output channel of all packs.
  unsigned* arrivals;             // per pack and column tile, one for each group of blocks and one more: zeros; left zeros
  const float* gamma;
  const float* beta;
  float* batchMean;
  float* batchInverse;
  float* batchScale;
  float* batchBias;
  float* runningMean;
  float* runningVariance;
  float* dGamma;                  // or null
  float* dBeta;                   // or null
  float* a;
  float* b;
  float* c;
  int blocksPerGroup;             // of blocks of row tiles, which are consecutive
  float momentum, epsilon;
  int accumulate;                 // whether to add to what dGamma and dBeta are
  // Where the first norm's result was added to another's (a projection's), before the mask, the masked gradient is that of the other's, too:
  // of it the same sums are taken, and with arrivals the same is derived.
  const void* addedRaw;           // T, laid out as the output; or null: there is no other
  const float* addedMean;
  const float* addedInverse;
  float* addedSums;               // as gradientSums
  const float* addedGamma;
  float* addedDGamma;             // or null
  float* addedDBeta;              // or null
  float* addedA;
  float* addedB;
  float* addedC;
  int images, gridHeight, gridWidth;
  int inputHeight, inputWidth, inputPitch;
  int channels;                   // of one pack: elements per tap, a multiple of 8
  int rowStride, columnStride, rowOffset, columnOffset, rowStep, columnStep;
  int tapRows, tapColumns;        // at most 15 each; 0 x 0: the sum is zero
  int weightPitch, weightOffset, weightRowStep, weightColumnStep;
  int outputHeight, outputWidth, outputPitch;
  int outputs;                    // output channels of one pack, a multiple of 8
  int outputStride, outputRow, outputColumn;
  int residualStride;
  int packs, slices;
  int columnTiles;                // ceil(outputs / tile columns)
  int tilesPerBlock;              // row tiles that a block computes one after the other; 1 if slices > 1;
                                  // grid = (ceil(row tiles / tilesPerBlock) * columnTiles, packs * slices)
  int relu;                       // whether max(0, x) ends it
  int inputRelu;                  // whether the prologue ends with max(0, x)
};

// gradient[n][k] (+)= sum over m of outputGradient[m][n] in[m][k], with m, n, k, 'in' as in Convolution (weights' layout with
// weightOffset 0, rows of weightPitch = taps * channels). Elements that are no weights get zero: n and channel c of different groups
// (n / groupOutputs != c / groupChannels), and channels from validChannels on.
struct WeightGradient {
  const void* input;              // T
  const void* outputGradient;     // T, pixels of outputPitch, in the order of m
  const float* inputScale;        // as in Convolution
  const float* inputBias;
  float* gradient;                // or null: slices > 1 without tickets
  float* partials;                // slices > 1: with tickets, as in Convolution; else gradients of the slices, one after the other
  unsigned* tickets;              // slices > 1: as in Convolution; or null: what the slices have is added later
  int images, gridHeight, gridWidth;
  int inputHeight, inputWidth, inputPitch;
  int channels;
  int rowStride, columnStride, rowOffset, columnOffset, rowStep, columnStep;
  int tapRows, tapColumns;
  int weightPitch;
  int outputPitch, outputs;
  int packs, slices;
  int columnTiles;                // ceil(weightPitch / tile columns); grid = (row tiles * columnTiles, packs * slices), row tiles over outputs
  int inputRelu;
  int accumulate;                 // whether to add to what the gradient is
  int groupOutputs, groupChannels, validChannels;
};

// gradient[i] (+)= sum over slices of partials[slice * elements + i], in the order of the slices. elements a multiple of 4.
struct SumSlices {
  const float* partials;
  float* gradient;
  long long elements;
  int slices, accumulate;
};

// Merges each 'tilesPerGroup' tiles of statistics into one (Chan et al. 1979), for BatchNormFinalize, where there are many:
// merged[group] is a tile of tilesPerGroup * rowsPerTile rows.
struct BatchNormMerge {
  const float* statistics;        // [tile][2][channels]: mean, sum of squared deviations
  float* merged;                  // [group][2][channels]
  int channels;
  int tiles, rowsPerTile, rows;   // the last tile may be shorter
  int tilesPerGroup;
};

// Merges the statistics of row tiles (Chan et al. 1979) in a fixed order and derives, per channel:
//   mean, inverse = 1 / sqrt(variance + epsilon), scale = gamma * inverse, bias = beta - mean * scale
// and moves the running statistics: running += momentum * (batch - running), with the unbiased variance.
struct BatchNormFinalize {
  const float* statistics;        // [tile][2][channels]: mean, sum of squared deviations
  const float* gamma;
  const float* beta;
  float* mean;                    // of the batch
  float* inverse;
  float* scale;
  float* bias;
  float* runningMean;
  float* runningVariance;
  int channels;                   // padded; gamma and beta of the padding are zero
  int tiles, rowsPerTile, rows;   // the last tile may be shorter
  float momentum, epsilon;
};

// scale and bias of a batch norm with running statistics, and of the convolution's bias before it:
//   scale = gamma / sqrt(variance + epsilon), bias = beta + (convolutionBias - mean) * scale
struct BatchNormFold {
  const float* gamma;
  const float* beta;
  const float* mean;
  const float* variance;
  const float* convolutionBias;   // or null
  float* scale;
  float* bias;
  int channels;
  float epsilon;
};

// output = [relu](input * scale + bias + residual'), residual' = residual * residualScale + residualBias where these are given.
// bits: a byte for each 16 bytes of the output, in its order; bit i says whether element i of these is positive.
struct BatchNormApply {
  const void* input;              // T [rows][channels]
  const float* scale;
  const float* bias;
  const void* residual;           // T, or null
  const float* residualScale;     // or null: 1, and no bias
  const float* residualBias;
  void* output;                   // T; may be input or residual
  unsigned char* bits;            // or null
  int rows, channels;
  int relu;
};

// Which elements of a gradient pass the ReLU: all, those with a positive output, those where input * scale + bias, rounded to
// T, is positive, or those whose bit of BatchNormApply is set.
enum Mask { MASK_NONE = 0, MASK_OUTPUT = 1, MASK_INPUT = 2, MASK_BITS = 3 };

// Per channel, over the rows of one block: sum of g and of g * (input - mean) * inverse, g being the masked gradient.
// Without input (null) only the sums of g, and no mask: the gradient of a bias. MASK_OUTPUT is not known here.
struct BatchNormBackwardReduce {
  const void* gradient;           // T [rows][channels]
  const void* input;              // T, the convolution's result; or null
  const unsigned char* bits;      // for MASK_BITS
  const float* mean;
  const float* inverse;
  const float* scale;             // for MASK_INPUT
  const float* bias;
  float* partials;                // [block][2][channels]
  int rows, channels;
  int rowsPerBlock;
  int mask;
};

// Sums the partials in a fixed order:  dBeta (+)= sum of g, dGamma (+)= sum of g * normalised; and the coefficients with which
// the gradient of the input is  a * g + b * (input - mean) + c :
//   a = gamma * inverse, b = -a * inverse * dGamma / rows, c = -a * dBeta / rows   (of this batch alone)
struct BatchNormBackwardFinalize {
  const float* partials;
  const float* gamma;             // or null: only dBeta, as for a bias
  const float* inverse;
  float* dGamma;                  // or null
  float* dBeta;                   // or null
  float* a;                       // or null: no coefficients wanted
  float* b;
  float* c;
  int channels;
  int blocks, rows;
  int accumulate;
};

// inputGradient = a * g + b * (input - mean) + c per channel, g being the masked gradient, which is also written to maskedGradient where
// that is given (it may be the gradient itself). a null: inputGradient = g. b null: inputGradient = a * g. MASK_INPUT and MASK_BITS need
// both, MASK_OUTPUT goes without b, and maskedGradient needs a mask.
struct BatchNormBackwardApply {
  const void* gradient;           // T [rows][channels]
  const void* input;              // T; or null where neither b nor MASK_INPUT needs it
  const void* output;             // T, for MASK_OUTPUT
  const unsigned char* bits;      // for MASK_BITS
  const float* a;
  const float* b;
  const float* c;
  const float* mean;
  const float* scale;             // for MASK_INPUT
  const float* bias;
  void* inputGradient;            // T; may be gradient
  void* maskedGradient;           // T, or null
  int rows, channels;
  int mask;
};

// inputGradient = a * gradient + b * (input - mean) + c per channel, for two norms whose results were added: as BatchNormBackwardApply
// without a mask for each.
struct BatchNormBackwardApplyBoth {
  const void* gradient;           // T [rows][channels], of the sum
  const void* input;              // T
  const void* addedInput;         // T
  const float* a;
  const float* b;
  const float* c;
  const float* mean;
  const float* addedA;
  const float* addedB;
  const float* addedC;
  const float* addedMean;
  void* inputGradient;            // T
  void* addedInputGradient;       // T; one of both may be the gradient
  int rows, channels;
};

// out[n][p][q][c] = the largest of a window, padding never wins, NaN does; index says which tap it was (row * kernel + column), the
// first of equals; of several NaN the last. With inputScale the input is first normalised (and rectified), and rounded to T.
struct MaxPool {
  const void* input;              // T
  const float* inputScale;        // or null
  const float* inputBias;
  void* output;                   // T
  unsigned char* index;           // [images][outputHeight][outputWidth][channels], or null
  int images, inputHeight, inputWidth, outputHeight, outputWidth, channels;
  int kernel, stride, padding;    // kernel at most 15, padding less than it
  int inputRelu;
  int rowsPerBlock, columnsPerBlock;   // of the output
};

// inputGradient[pixel] (+)= the gradients of those windows whose maximum it was, in the order of the windows.
struct MaxPoolBackward {
  const void* gradient;           // T
  const unsigned char* index;
  void* inputGradient;            // T
  int images, inputHeight, inputWidth, outputHeight, outputWidth, channels;
  int kernel, stride, padding;
  int accumulate;
  int rowsPerBlock, columnsPerBlock;   // of the input
};

// out[n][c] = mean over the image's pixels, and back: inputGradient[n][pixel][c] (+)= gradient[n][c] / pixels.
struct AveragePool {
  const void* input;              // T [images][pixels][channels]; backward: [images][channels]
  void* output;                   // T [images][channels]; backward: [images][pixels][channels]
  int images, pixels, channels;
  int accumulate;                 // backward only
};

// out[n][i][j][c] = mean of in[n][i * size + u][j * size + v][c] over those 0 <= u, v < size that the image has, and back:
// inputGradient[n][y][x][c] (+)= gradient[n][y / size][x / size][c] / pixels of that square.
struct AverageSquares {
  const void* input;              // T [images][height][width][channels]; backward: the gradient of the output
  void* output;                   // T, ceil(height / size) rows and ceil(width / size) columns; backward: that of the input
  int images, height, width, channels;   // of the forward pass' input
  int size;
  int accumulate;                 // backward only
};

// Squeeze and excitation: out = relu(gate * in + residual) with, per image n,
//   mean[n][c]   = mean over the pixels of in[n][pixel][c]
//   hidden[n][r] = max(0, bias1[r] + sum over c of weight1[r][c] mean[n][c])
//   gate[n][c]   = 1 / (1 + exp(-(bias2[c] + sum over r of weight2[c][r] hidden[n][r])))
// and back, with g the gradient of 'out' where the ReLU let through, else 0:
//   logitGradient[n][c]  = gate (1 - gate) sum over the pixels of g in
//   hiddenGradient[n][r] = sum over c of weight2[c][r] logitGradient[n][c] where hidden is positive, else 0
//   meanGradient[n][c]   = (sum over r of weight1[r][c] hiddenGradient[n][r]) / pixels
//   inputGradient (+)= gate g + meanGradient
//   weight2's gradient [c][r] (+)= sum over n of logitGradient[n][c] hidden[n][r], bias2's: of logitGradient[n][c]
//   weight1's gradient [r][c] (+)= sum over n of hiddenGradient[n][r] mean[n][c], bias1's: of hiddenGradient[n][r]
// All of these but in, out, residual and the gradients of in and out are floats. Those with c have rows of 'channels', weights of 'valid'.

// partials[slice][n][c] = sum over the slice's pixels of in, or back of g in.
struct GateSqueeze {
  const void* input;              // T [images][pixels][channels]
  const void* output;             // backward only: T, of which the sign is g's mask; or null: no mask
  void* gradient;                 // backward only: T, of the output; if masked, g is left there
  float* partials;                // [slices][images][channels]
  int images, pixels, channels;
  int pixelsPerSlice;             // slices = ceil(pixels / pixelsPerSlice) = gridDim.z
};
struct GateHidden {
  const float* partials;          // [slices][images][channels]
  const float* weight;            // weight1
  const float* bias;              // bias1
  float* mean;                    // of the valid channels
  float* hidden;                  // [images][reduced]
  int images, pixels, channels, valid, reduced, slices;
};
struct GateSigmoid {
  const float* hidden;
  const float* weight;            // weight2
  const float* bias;              // bias2
  float* gate;                    // the padding gets zeros
  int images, channels, valid, reduced;
};
// output = [relu](gate * input + shift + residual). Forward as it stands; back with g for the input, meanGradient as the shift, and for
// the residual what the inputGradient was.
struct GateScale {
  const void* input;              // T [images][pixels][channels]
  const float* gate;              // [images][channels]
  const float* shift;             // [images][channels], or null
  const void* residual;           // T, may be the output; or null
  void* output;                   // T, may be the input
  int images, pixels, channels;
  int pixelsPerBlock;
  int relu;
};
struct GateHiddenBackward {
  const float* partials;          // [slices][images][channels]
  const float* gate;
  const float* hidden;
  const float* weight;            // weight2
  float* logitGradient;           // of the valid channels
  float* hiddenGradient;
  int images, channels, valid, reduced, slices;
};
struct GateMeanBackward {
  const float* hiddenGradient;
  const float* weight;            // weight1
  float* meanGradient;            // the padding gets zeros
  int images, pixels, channels, valid, reduced;
};
// weight[o][i] (+)= sum over n of gradient[n][o] input[n][i], bias[o] (+)= sum over n of gradient[n][o]; of either product.
struct GateWeightGradient {
  const float* gradient;          // [images][gradientPitch]
  const float* input;             // [images][inputPitch]
  float* weight;                  // [outputs][inputs], or null
  float* bias;                    // [outputs], or null
  int images, outputs, inputs, gradientPitch, inputPitch;
  int accumulate;
};

// out[n][i][j][c + before] = in[n][i * stride][j * stride][c] for c < valid, all else zero; and back:
// inputGradient[n][i * stride][j * stride][c] (+)= gradient[n][i][j][c + before], all else (+)= 0.
struct SubsampledIdentity {
  const void* input;              // T; backward: the gradient of the output
  void* output;                   // T; backward: the gradient of the input
  int images, inputHeight, inputWidth, inputChannels;   // of the forward pass' input
  int outputHeight, outputWidth, outputChannels;        // of its output, padded
  int stride, before, valid;
  int accumulate;                 // backward only
};

// Between the host's float images or results and tensors. host is NCHW or NHWC without padding; tensor is T with pixels of 'pitch'
// elements, a multiple of 4 (the rest zero), in an image of tensorHeight x tensorWidth that has the pixels at (top, left) and zeros around.
struct Pack {
  const void* host;               // float; for images of bytes: unsigned char
  void* tensor;                   // T
  const float* scale;             // bytes only, per channel: value * scale + bias
  const float* bias;
  int images, channels, height, width;
  int pitch, tensorHeight, tensorWidth, top, left;
  int channelsLast;               // whether host is NHWC
  int accumulate;                 // floats only: into the tensor (used to add gradients given by the host)
};
struct Unpack {
  const void* tensor;             // T [images][height][width][pitch]
  float* host;
  int images, channels, height, width, pitch;
  int channelsLast;
};

// Per image n: loss[n] = -sum over k of t[n][k] log softmax(z)[n][k], gradient[n][k] = (softmax(z)[n][k] * sum of t - t[n][k]) / counted,
// t = targets, or where that is null (1 - smoothing) onehot(label) + smoothing / classes, and zero for a label of -1.
struct SoftmaxCrossEntropy {
  const void* logits;             // T [images][pitch]
  const int* labels;
  const float* targets;           // [images][classes], or null
  float* loss;                    // [images]
  float* gradient;                // [images][classes]
  int images, classes, pitch;
  float smoothing;
  float inverseCounted;           // 1 / images that have a label
};

// One chunk of a parameter: what one block updates.
struct OptimizerChunk {
  long long begin;                // first element in the arena
  int count;                      // elements, a multiple of 4
  float rateScale, weightDecay;
};
// The optimizer over all parameters in one launch: block b does chunks[b]. Formulas as in io.resfuse.engine.Optimizer, in fp32.
// The weights are also written rounded to T, where the kernels read them.
struct OptimizerStep {
  const OptimizerChunk* chunks;
  float* weights;                 // masters
  const float* gradient;
  float* first;                   // momentum, or exp_avg
  float* second;                  // exp_avg_sq, or unused
  void* stored;                   // T, or null
  float rate, gradientScale;
  float momentum;                 // SGD; Adam: beta1
  float oneMinusBeta1;            // rounded once from the exact value, as is the next: 1 - 0.999f is off by 5e-5
  float beta2, oneMinusBeta2;
  float epsilon;
  float correction1, correction2; // Adam: 1 - beta^t
  int nesterov, firstStep, decoupled;
};

// partials[block] = sum of squares of the block's elements, in double; NaN and infinity survive. elements and perBlock multiples of 4.
struct SquaredNorm {
  const float* values;
  double* partials;
  long long elements;
  int perBlock;
};

// stored[i] = values[i] rounded to T. elements a multiple of 4.
struct Cast {
  const float* values;
  void* stored;
  long long elements;
};

// transposed[c][tap][n] = weights[n][tap][c] per pack, as the gradient of the input wants them. All T.
struct TransposeWeights {
  const void* weights;            // [packs * outputs][taps][channels]
  void* transposed;               // [packs * channels][taps][outputs]
  int packs, outputs, taps, channels;
};

// A convolution of bytes by signed bytes: per output channel n
//   sum = corrections[n] + sum over k of in[m][k] weights[n][k]        in 32 bits, with m, k, 'in' as in Convolution; taps outside of the
//                                                                     image read 'padding'
//   y   = sum * multiplier[n] + bias[n]                               two roundings to float
//   y   = fma(residual[m][n], residualFactor, y)                      if there is a residual
//   output = max(0, y) if relu, rounded to the nearest of 0 to 255 (ties to even), or, with 'floats', as it is
struct IntegerConvolution {
  const void* input;              // bytes, pixels of inputPitch
  const void* weights;            // signed bytes
  void* output;                   // bytes or floats, pixels of outputPitch
  const void* residual;           // bytes, laid out as an output of bytes, may be the output; or null
  const void* padding;            // 16 bytes: the input's zero point; or null: zeros
  const int* corrections;         // per output channel of all packs: -(zero point) * sum of weights; or null: 0
  const float* multiplier;        // per output channel of all packs
  const float* bias;
  int* partials;                  // as in Convolution
  unsigned* tickets;
  int images, gridHeight, gridWidth;
  int inputHeight, inputWidth, inputPitch;
  int channels;                   // of one pack: bytes per tap, a multiple of 16
  int rowStride, columnStride, rowOffset, columnOffset, rowStep, columnStep;
  int tapRows, tapColumns;        // 1 to 15 each
  int weightPitch;                // bytes from one output channel to the next
  int outputPitch;                // elements, a multiple of 16
  int outputs;                    // output channels of one pack, a multiple of 16
  int packs, slices;
  int columnTiles;                // grid = (row tiles * columnTiles, packs * slices)
  int relu, floats;
  float residualFactor;
};

// Images of the host to bytes: tensor[n][i][j][c] = x * inverse + zeroPoint, two roundings to float, then to the nearest of 0 to 255; x is
// the host's float at (i - top, j - left), or fma(pixel, scale[c], bias[c]) of its pixel of 8 bits, or zero where the host has none.
struct EncodeImages {
  const void* host;               // floats, or where scale is not null unsigned bytes
  void* tensor;                   // pixels of 'pitch' bytes: 8, or a multiple of 16
  const float* scale;
  const float* bias;
  int images, channels, height, width;
  int pitch, tensorHeight, tensorWidth, top, left;   // with a pitch of 8, tensorWidth is even
  int channelsLast;               // whether host is NHWC, else NCHW
  float inverse, zeroPoint;
};

// Between floats and bytes: encode_u8: bytes = floats * inverse + zeroPoint as above; decode_u8: floats = (bytes - zeroPoint) * scale.
struct Recode {
  const void* from;
  void* to;
  long long elements;             // a multiple of 16
  float factor, zeroPoint;        // inverse, or scale
};

// broken[n][part] = whether a part of the host's image n has an element that is not finite; and results[n][...] = NaN where any has.
struct BrokenImages {
  const float* host;              // brokenImages_u8
  float* results;                 // spoilImages_u8
  int* broken;
  long long elements;             // of an image, or of its result
  int parts;                      // that block x, y = part, image look at
};

}  // namespace resfuse
