// How statistics of parts of the rows are put together.
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

}  // namespace resfuse
