// How statistics of parts of the rows are put together, and what follows from all, per channel.
#pragma once

namespace resfuse {

// a / b for counts: as good as the division, without its branch for extreme values, whose call would make the loops spill.
__device__ __forceinline__ float quotient(float a, float b) {
  const float reciprocal = __fdividef(1, b), q = a * reciprocal;
  return fmaf(fmaf(-q, b, a), reciprocal, q);
}

// Chan, Golub and LeVeque 1979. Of no values, whose mean and squares are 0, nothing is left.
__device__ __forceinline__ void mergeOne(float fraction, float weight, float& mean, float& squares, float otherMean, float otherSquares) {
  const float delta = otherMean - mean;
  mean = fmaf(delta, fraction, mean);
  squares += fmaf(delta * delta, weight, otherSquares);
}

// Scale and bias of a batch norm with these statistics.
__device__ __forceinline__ void deriveCoefficients(int channel, int rows, float epsilon, const float* gamma, const float* beta, float mean,
                                                   float squares, float* toMean, float* toInverse, float* toScale, float* toBias) {
  const float inverse = 1 / sqrtf(squares / rows + epsilon), scale = gamma[channel] * inverse;
  toMean[channel] = mean;
  toInverse[channel] = inverse;
  toScale[channel] = scale;
  toBias[channel] = fmaf(-mean, scale, beta[channel]);
}

__device__ __forceinline__ void moveRunning(int channel, int rows, float momentum, float mean, float squares, float* runningMean,
                                            float* runningVariance) {
  const float oldMean = runningMean[channel], oldVariance = runningVariance[channel];
  runningMean[channel] = fmaf(momentum, mean - oldMean, oldMean);
  runningVariance[channel] = fmaf(momentum, squares / (rows - 1) - oldVariance, oldVariance);
}

// Gradients of gamma and beta, those that are wanted.
__device__ __forceinline__ void storeGradients(int channel, int accumulate, float dBeta, float dGamma, float* toBeta, float* toGamma) {
  if (toBeta != nullptr) toBeta[channel] = accumulate ? toBeta[channel] + dBeta : dBeta;
  if (toGamma != nullptr) toGamma[channel] = accumulate ? toGamma[channel] + dGamma : dGamma;
}

// The input's gradient is a times the output's, plus b times the input, plus c.
__device__ __forceinline__ void deriveGradient(int channel, int rows, const float* gamma, const float* inverses, float dBeta, float dGamma,
                                               float* toA, float* toB, float* toC) {
  const float inverse = inverses[channel], a = gamma[channel] * inverse;
  toA[channel] = a;
  toB[channel] = -a * inverse * (dGamma / rows);
  toC[channel] = -a * (dBeta / rows);
}

}  // namespace resfuse
