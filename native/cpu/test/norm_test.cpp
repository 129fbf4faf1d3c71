// Every kernel of every instruction set that this CPU has against loops in float64, in all layouts, types and masks, for
// sizes that leave a row over, and that fill several runs; and the same bits whatever the number of threads.
#include "check.h"
#include "norm.h"
#include "tensor.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

using namespace resfuse;

namespace {

struct Size {
  int64_t images, channels, pixels, block;
};

// Where an element is.
int64_t at(const Size& s, int64_t n, int64_t c, int64_t p) {
  return s.block == 0 ? (n * s.pixels + p) * s.channels + c
                      : ((n * (s.channels / s.block) + c / s.block) * s.pixels + p) * s.block + c % s.block;
}

struct Case {
  Size size;
  ElementType type;
  Mask mask;
  bool residual, given, accumulate, in_place;
  float offset;  // of x: a mean far from 0
};

// One forward and backward pass, and what it left.
struct Outcome {
  Tensor x, residual, out, dout, dx;
  std::vector<float> mean, variance, gamma, beta, dgamma, dbeta;

  Outcome(const Case& k, int64_t n)
      : x(n, k.type), residual(n, k.type), out(n, k.type), dout(n, k.type), dx(n, k.type) {}
};

Outcome inputs(const Case& k) {
  const Size& s = k.size;
  const int64_t n = s.images * s.channels * s.pixels;
  Outcome o(k, n);
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < n; i++) {
    o.x.set(i, k.offset + normal(random));
    o.residual.set(i, normal(random));
    o.dout.set(i, normal(random) + 0.1f);
  }
  for (int64_t c = 0; c < s.channels; c++) {
    o.mean.push_back(k.offset + 0.1f * normal(random));
    o.variance.push_back(0.5f + std::fabs(normal(random)));
    o.gamma.push_back(1 + 0.3f * normal(random));
    o.beta.push_back(0.3f * normal(random));
    o.dgamma.push_back(normal(random));
    o.dbeta.push_back(normal(random));
  }
  return o;
}

NormArguments arguments(const Case& k, Outcome& o, std::vector<double>& scratch) {
  const Size& s = k.size;
  scratch.assign(norm_scratch_bytes(s.images, s.channels, s.pixels, s.block) / 8 + 1, std::nan(""));
  NormArguments a{};
  a.x = o.x.data();
  a.residual = k.residual ? o.residual.data() : nullptr;
  a.out = o.out.data();
  a.dout = o.dout.data();
  a.dx = k.in_place ? o.dout.data() : o.dx.data();
  a.mean = o.mean.data();
  a.variance = o.variance.data();
  a.gamma = o.gamma.data();
  a.beta = o.beta.data();
  a.dgamma = o.dgamma.data();
  a.dbeta = o.dbeta.data();
  a.scratch = scratch.data();
  a.images = s.images;
  a.channels = s.channels;
  a.pixels = s.pixels;
  a.block = s.block;
  a.type = k.type;
  a.mask = k.mask;
  a.given = k.given;
  a.accumulate = k.accumulate;
  a.epsilon = 1e-5;
  return a;
}

std::string name_of(const Case& k, const char* isa) {
  char text[200];
  std::snprintf(text, sizeof(text), "%s (%d,%d,%d) block %d type %d mask %d%s%s%s%s offset %g", isa,
                static_cast<int>(k.size.images), static_cast<int>(k.size.channels), static_cast<int>(k.size.pixels),
                static_cast<int>(k.size.block), static_cast<int>(k.type), static_cast<int>(k.mask),
                k.residual ? " residual" : "", k.given ? " given" : "", k.accumulate ? " accumulate" : "",
                k.in_place ? " in place" : "", static_cast<double>(k.offset));
  return text;
}

// What is checked, of which case: put into words only if it fails.
struct Place {
  const std::string& of;
  const char* what;
};

void near(double found, double right, double scale, double tolerance, Place place) {
  if (!(std::fabs(found - right) <= tolerance * scale)) {
    char numbers[80];
    std::snprintf(numbers, sizeof(numbers), ": %.9g for %.9g", found, right);
    check(false, place.of + " " + place.what + numbers);
  }
}

void try_case(const NormKernels& kernels, const Case& k, const char* isa) {
  const Size& s = k.size;
  const std::string name = name_of(k, isa);
  Outcome before = inputs(k);
  Outcome o = before;
  std::vector<double> scratch;
  const NormArguments a = arguments(k, o, scratch);
  kernels.forward(a);
  const Outcome between = o;
  kernels.backward(a);
  const double elements = static_cast<double>(s.images * s.pixels);
  // Of a value rounded once to the type; in float32 a few operations more.
  const double rounding = k.type == kFloat32 ? 2e-6 : 5e-3;
  for (int64_t c = 0; c < s.channels; c++) {
    double mean = before.mean[c];
    double variance = before.variance[c];
    const auto all = [&](const auto& body) {
      for (int64_t n = 0; n < s.images; n++) {
        for (int64_t p = 0; p < s.pixels; p++) {
          body(at(s, n, c, p));
        }
      }
    };
    if (!k.given) {
      mean = variance = 0;
      all([&](int64_t i) { mean += before.x.get(i) / elements; });
      all([&](int64_t i) { variance += std::pow(before.x.get(i) - mean, 2) / elements; });
      near(o.mean[c], mean, std::fabs(mean) + 1e-3, 1e-6, {name, "mean"});
      near(o.variance[c], variance, variance, 1e-6, {name, "variance"});
      mean = o.mean[c];
      variance = o.variance[c];
    }
    const double deviation = std::sqrt(variance + 1e-5);
    double sum = 0;
    double product = 0;
    std::vector<double> dz;
    all([&](int64_t i) {
      const double x = before.x.get(i);
      double z = (x - mean) / deviation * before.gamma[c] + before.beta[c] + (k.residual ? before.residual.get(i) : 0);
      z = k.mask != kNoRelu && z < 0 ? 0 : z;
      near(between.out.get(i), z, std::fabs(z) + 1, rounding * (1 + std::fabs(static_cast<double>(k.offset))), {name, "out"});
      // The mask is that of what was computed.
      const double d = k.mask == kNoRelu || between.out.get(i) > 0 ? before.dout.get(i) : 0;
      dz.push_back(d);
      sum += d;
      product += d * (x - mean);
    });
    const double dgamma = product / deviation;
    near(o.dgamma[c], dgamma + (k.accumulate ? before.dgamma[c] : 0), std::fabs(dgamma) + std::sqrt(elements), 1e-6,
         {name, "dgamma"});
    near(o.dbeta[c], sum + (k.accumulate ? before.dbeta[c] : 0), std::fabs(sum) + std::sqrt(elements), 1e-6, {name, "dbeta"});
    size_t next = 0;
    const Tensor& dx = k.in_place ? o.dout : o.dx;
    all([&](int64_t i) {
      const double x = before.x.get(i);
      const double d = dz[next++];
      const double of_beta = k.given ? 0 : sum / elements;
      const double of_gamma = k.given ? 0 : (x - mean) * dgamma / (deviation * elements);
      const double factor = before.gamma[c] / deviation;
      const double right = factor * (d - of_beta - of_gamma);
      const double terms = std::fabs(factor) * (std::fabs(d) + std::fabs(of_beta) + std::fabs(of_gamma));
      near(dx.get(i), right, terms + 1e-6, rounding * 2, {name, "dx"});
      if (k.mask == kOfOutput && !k.in_place) {
        near(o.dout.get(i), d, 0, 0, {name, "dz"});
      }
    });
  }
  check(o.x == before.x && o.residual == before.residual && o.out == between.out, name + " inputs are as before");
  check(o.x.is_intact() && o.out.is_intact() && o.dout.is_intact() && o.dx.is_intact(), name + " stays in bounds");
#ifdef _OPENMP
  const int threads = omp_get_max_threads();
  omp_set_num_threads(3);
  Outcome other = before;
  const NormArguments b = arguments(k, other, scratch);
  kernels.forward(b);
  kernels.backward(b);
  omp_set_num_threads(threads);
  check(other.out == o.out && other.dx == o.dx && other.dout == o.dout && other.dgamma == o.dgamma && other.mean == o.mean,
        name + " the same bits with other threads");
#endif
}

void try_all(const NormKernels& kernels, const char* isa) {
  const Size sizes[] = {
      {1, 16, 1, 16},   {2, 32, 49, 16},  {3, 16, 2500, 16}, {1, 8, 4097, 8}, {5, 24, 63, 8},
      {2, 64, 35, 0},   {3, 16, 1025, 0}, {1, 2048, 9, 0},   {4, 48, 1, 0},   {3, 24, 200, 0}, {2, 13, 40, 0},  {5, 1, 7, 0},
  };
  for (const Size& size : sizes) {
    for (const ElementType type : {kFloat32, kBfloat16}) {
      for (const int flags : {0, 3, 4}) {
        const bool given = flags & 1;
        const bool accumulate = flags & 2;
        const bool in_place = flags & 4;
        const float offset = type == kFloat32 ? 10.0f : 0.5f;
        try_case(kernels, {size, type, kNoRelu, false, given, accumulate, in_place, offset}, isa);
        try_case(kernels, {size, type, kNoRelu, true, given, accumulate, in_place, offset}, isa);
        try_case(kernels, {size, type, kOfNorm, false, given, accumulate, in_place, offset}, isa);
        try_case(kernels, {size, type, kOfOutput, true, given, accumulate, in_place, offset}, isa);
      }
    }
  }
  // Statistics of many pixels, far from 0.
  try_case(kernels, {{2, 16, 100000, 16}, kFloat32, kOfNorm, false, false, false, false, 100}, isa);
}

// What is not a number stays so, and is not taken for 0.
void try_nan(const NormKernels& kernels, const char* isa) {
  const Case k{{1, 16, 5, 16}, kFloat32, kOfNorm, false, false, false, false, 0};
  Outcome o = inputs(k);
  o.x.set(3, std::nanf(""));
  std::vector<double> scratch;
  const NormArguments a = arguments(k, o, scratch);
  kernels.forward(a);
  check(std::isnan(o.mean[3]) && std::isnan(o.variance[3]) && std::isnan(o.out.get(3 + 16)), std::string(isa) + " NaN");
  check(!std::isnan(o.out.get(4)), std::string(isa) + " NaN stays in its channel");
}

}  // namespace

int main() {
  try_all(norm_kernels_portable(), "portable");
  try_nan(norm_kernels_portable(), "portable");
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    try_all(norm_kernels_avx2(), "avx2");
    try_nan(norm_kernels_avx2(), "avx2");
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    try_all(norm_kernels_avx512(), "avx512");
    try_nan(norm_kernels_avx512(), "avx512");
  }
#endif
  std::printf("%s\n", failures == 0 ? "norm: all equal" : "norm: failures");
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
