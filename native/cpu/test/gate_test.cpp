// Every kernel of every instruction set that this CPU has against loops in float64, in all layouts and types, with and without
// residual and ReLU, for channels that fill vectors and that do not; and the same bits whatever the number of threads and images.
#include "check.h"
#include "gate.h"
#include "tensor.h"

#ifdef _OPENMP
#include <omp.h>
#endif

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

using namespace resfuse;

namespace {

struct Size {
  int64_t images, channels, pixels, reduced, block;
};

struct Case {
  Size size;
  ElementType type;
  bool residual, relu, accumulate, in_place;
};

int64_t at(const Size& s, int64_t n, int64_t c, int64_t p) {
  return s.block == 0 ? (n * s.pixels + p) * s.channels + c
                      : ((n * (s.channels / s.block) + c / s.block) * s.pixels + p) * s.block + c % s.block;
}

using Floats = std::vector<float>;

// One forward and backward pass, and what it left.
struct Outcome {
  Tensor x, residual, out, dout, dx;
  Floats w1, b1, w2, b2, mean, hidden, gate, dlogit, dhidden, dmean, dw1, db1, dw2, db2;

  Outcome(const Case& k, int64_t n)
      : x(n, k.type), residual(n, k.type), out(n, k.type), dout(n, k.type), dx(n, k.type) {}

  bool operator==(const Outcome& o) const {
    return out == o.out && dout == o.dout && dx == o.dx && gate == o.gate && dw1 == o.dw1 && db1 == o.db1 && dw2 == o.dw2 &&
           db2 == o.db2;
  }
};

Outcome inputs(const Case& k) {
  const Size& s = k.size;
  const int64_t n = s.images * s.channels * s.pixels;
  Outcome o(k, n);
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < n; i++) {
    o.x.set(i, 0.5f + normal(random));
    o.residual.set(i, normal(random));
    o.dout.set(i, normal(random) + 0.1f);
  }
  const auto fill = [&](Floats& to, int64_t count, float deviation) {
    for (int64_t i = 0; i < count; i++) {
      to.push_back(deviation * normal(random));
    }
  };
  fill(o.w1, s.reduced * s.channels, 1.0f / std::sqrt(static_cast<float>(s.channels)));
  fill(o.b1, s.reduced, 0.3f);
  fill(o.w2, s.channels * s.reduced, 1.0f / std::sqrt(static_cast<float>(s.reduced)));
  fill(o.b2, s.channels, 0.3f);
  fill(o.dw1, s.reduced * s.channels, 1);
  fill(o.db1, s.reduced, 1);
  fill(o.dw2, s.channels * s.reduced, 1);
  fill(o.db2, s.channels, 1);
  for (Floats* scratch : {&o.mean, &o.gate, &o.dlogit, &o.dmean}) {
    scratch->assign(s.images * s.channels, std::nanf(""));
  }
  o.hidden.assign(s.images * s.reduced, std::nanf(""));
  o.dhidden = o.hidden;
  return o;
}

GateArguments arguments(const Case& k, Outcome& o) {
  const Size& s = k.size;
  GateArguments a{};
  a.x = o.x.data();
  a.residual = k.residual ? o.residual.data() : nullptr;
  a.out = o.out.data();
  a.dout = o.dout.data();
  a.dx = k.in_place ? o.dout.data() : o.dx.data();
  a.w1 = o.w1.data();
  a.b1 = o.b1.data();
  a.w2 = o.w2.data();
  a.b2 = o.b2.data();
  a.mean = o.mean.data();
  a.hidden = o.hidden.data();
  a.gate = o.gate.data();
  a.dlogit = o.dlogit.data();
  a.dhidden = o.dhidden.data();
  a.dmean = o.dmean.data();
  a.dw1 = o.dw1.data();
  a.db1 = o.db1.data();
  a.dw2 = o.dw2.data();
  a.db2 = o.db2.data();
  a.images = s.images;
  a.channels = s.channels;
  a.pixels = s.pixels;
  a.reduced = s.reduced;
  a.block = s.block;
  a.type = k.type;
  a.relu = k.relu;
  a.accumulate = k.accumulate;
  return a;
}

std::string name_of(const Case& k, const char* isa) {
  char text[200];
  std::snprintf(text, sizeof(text), "%s (%d,%d,%d) by %d block %d type %d%s%s%s%s", isa, static_cast<int>(k.size.images),
                static_cast<int>(k.size.channels), static_cast<int>(k.size.pixels), static_cast<int>(k.size.reduced),
                static_cast<int>(k.size.block), static_cast<int>(k.type), k.residual ? " residual" : "", k.relu ? " relu" : "",
                k.accumulate ? " accumulate" : "", k.in_place ? " in place" : "");
  return text;
}

void near(double found, double right, double scale, double tolerance, const std::string& of, const char* what) {
  if (!(std::fabs(found - right) <= tolerance * scale)) {
    char numbers[80];
    std::snprintf(numbers, sizeof(numbers), ": %.9g for %.9g", found, right);
    check(false, of + " " + what + numbers);
  }
}

// The formulas of gate.h; hidden values and masks are those that were computed.
void compare(const Case& k, const Outcome& before, const Outcome& between, const Outcome& o, const std::string& name) {
  const Size& s = k.size;
  const int64_t C = s.channels, R = s.reduced;
  const double rounding = k.type == kFloat32 ? 2e-6 : 5e-3;
  const double product = 2e-6;  // a float32 sum of up to a few thousand terms in eight parts
  std::vector<double> dw1(R * C), db1(R), dw2(C * R), db2(C), size1(R), size2(C);
  for (int64_t n = 0; n < s.images; n++) {
    const auto over = [&](int64_t c, const auto& body) {
      for (int64_t p = 0; p < s.pixels; p++) {
        body(at(s, n, c, p));
      }
    };
    std::vector<double> mean(C), hidden(R), gate(C), dlogit(C), dhidden(R);
    for (int64_t c = 0; c < C; c++) {
      over(c, [&](int64_t i) { mean[c] += before.x.get(i) / static_cast<double>(s.pixels); });
      near(o.mean[n * C + c], mean[c], std::fabs(mean[c]) + 1e-3, 1e-6, name, "mean");
    }
    for (int64_t r = 0; r < R; r++) {
      double terms = std::fabs(before.b1[r]);
      hidden[r] = before.b1[r];
      for (int64_t c = 0; c < C; c++) {
        hidden[r] += before.w1[r * C + c] * mean[c];
        terms += std::fabs(before.w1[r * C + c] * mean[c]);
      }
      hidden[r] = std::fmax(0, hidden[r]);
      near(o.hidden[n * R + r], hidden[r], terms, product, name, "hidden");
    }
    for (int64_t c = 0; c < C; c++) {
      double logit = before.b2[c];
      double terms = std::fabs(logit);
      for (int64_t r = 0; r < R; r++) {
        logit += before.w2[c * R + r] * hidden[r];
        terms += std::fabs(before.w2[c * R + r] * hidden[r]);
      }
      gate[c] = 1 / (1 + std::exp(-logit));
      near(o.gate[n * C + c], gate[c], terms + 1, 2 * product, name, "gate");
      double sum = 0;
      double size = 0;
      over(c, [&](int64_t i) {
        double z = gate[c] * before.x.get(i) + (k.residual ? before.residual.get(i) : 0);
        z = k.relu && z < 0 ? 0 : z;
        near(between.out.get(i), z, std::fabs(z) + std::fabs(before.x.get(i)) * terms + 1, 2 * rounding, name, "out");
        const double dz = !k.relu || between.out.get(i) > 0 ? before.dout.get(i) : 0;
        if (!k.in_place) {
          near(o.dout.get(i), dz, 0, 0, name, "dz");
        }
        sum += dz * before.x.get(i);
        size += std::fabs(dz * before.x.get(i));
      });
      dlogit[c] = gate[c] * (1 - gate[c]) * sum;
      near(o.dlogit[n * C + c], dlogit[c], size * (1 + terms), 2 * product, name, "dlogit");
    }
    for (int64_t r = 0; r < R; r++) {
      double terms = 0;
      for (int64_t c = 0; c < C; c++) {
        dhidden[r] += before.w2[c * R + r] * dlogit[c];
        terms += std::fabs(before.w2[c * R + r] * dlogit[c]);
      }
      dhidden[r] = o.hidden[n * R + r] > 0 ? dhidden[r] : 0;
      near(o.dhidden[n * R + r], dhidden[r], terms + 1e-3, 1e-4, name, "dhidden");
      db1[r] += dhidden[r];
      size1[r] += terms;
      for (int64_t c = 0; c < C; c++) {
        dw1[r * C + c] += dhidden[r] * mean[c];
      }
    }
    for (int64_t c = 0; c < C; c++) {
      double dmean = 0;
      double terms = 0;
      for (int64_t r = 0; r < R; r++) {
        dmean += before.w1[r * C + c] * dhidden[r] / static_cast<double>(s.pixels);
        terms += std::fabs(before.w1[r * C + c] * dhidden[r] / static_cast<double>(s.pixels));
        dw2[c * R + r] += dlogit[c] * hidden[r];
      }
      db2[c] += dlogit[c];
      size2[c] += std::fabs(dlogit[c]);
      const Tensor& dx = k.in_place ? o.dout : o.dx;
      over(c, [&](int64_t i) {
        const double dz = !k.relu || between.out.get(i) > 0 ? before.dout.get(i) : 0;
        near(dx.get(i), gate[c] * dz + dmean, std::fabs(dz) + terms + 1e-3, 20 * product + rounding, name, "dx");
      });
    }
  }
  for (int64_t r = 0; r < R; r++) {
    near(o.db1[r], db1[r] + (k.accumulate ? before.db1[r] : 0), size1[r] + 1, 1e-4, name, "db1");
    for (int64_t c = 0; c < C; c++) {
      near(o.dw1[r * C + c], dw1[r * C + c] + (k.accumulate ? before.dw1[r * C + c] : 0), size1[r] + 1, 1e-4, name, "dw1");
    }
  }
  for (int64_t c = 0; c < C; c++) {
    near(o.db2[c], db2[c] + (k.accumulate ? before.db2[c] : 0), size2[c] + 1, 1e-4, name, "db2");
    for (int64_t r = 0; r < R; r++) {
      near(o.dw2[c * R + r], dw2[c * R + r] + (k.accumulate ? before.dw2[c * R + r] : 0), 3 * size2[c] + 1, 1e-4, name, "dw2");
    }
  }
}

void try_case(const GateKernels& kernels, const Case& k, const char* isa) {
  const std::string name = name_of(k, isa);
  const Outcome before = inputs(k);
  Outcome o = before;
  const GateArguments a = arguments(k, o);
  kernels.forward(a);
  const Outcome between = o;
  kernels.backward(a);
  compare(k, before, between, o, name);
  check(o.x == before.x && o.residual == before.residual && o.out == between.out, name + " inputs are as before");
  check(o.x.is_intact() && o.out.is_intact() && o.dout.is_intact() && o.dx.is_intact(), name + " stays in bounds");
#ifdef _OPENMP
  const int threads = omp_get_max_threads();
  omp_set_num_threads(threads == 1 ? 8 : 1);
  Outcome other = before;
  const GateArguments b = arguments(k, other);
  kernels.forward(b);
  kernels.backward(b);
  omp_set_num_threads(threads);
  check(other == o, name + " the same bits with other threads");
#endif
  // The first image alone.
  Case alone = k;
  alone.size.images = 1;
  Outcome first = before;
  const GateArguments c = arguments(alone, first);
  kernels.forward(c);
  bool same = true;
  for (int64_t i = 0; i < k.size.channels * k.size.pixels; i++) {
    same &= first.out.get(i) == between.out.get(i);
  }
  check(same, name + " the same bits in every batch");
}

void try_all(const GateKernels& kernels, const char* isa) {
  const Size sizes[] = {
      {1, 16, 1, 8, 16},  {2, 32, 49, 8, 16},  {9, 16, 30, 3, 16}, {2, 24, 63, 8, 8},  {2, 64, 35, 8, 0}, {3, 40, 25, 1, 0},
      {1, 512, 9, 32, 0}, {5, 13, 40, 5, 0},   {12, 1, 7, 2, 0},   {3, 6, 20, 4, 1},   {2, 56, 9, 8, 0},
  };
  for (const Size& size : sizes) {
    for (const ElementType type : {kFloat32, kBfloat16}) {
      for (const int flags : {0, 1, 2, 3}) {
        const bool residual = flags & 1;
        const bool relu = flags & 2;
        try_case(kernels, {size, type, residual, relu, flags == 1, flags == 3}, isa);
      }
    }
  }
}

// Gradients that are not wanted are not written, whatever else is.
void try_unwanted(const GateKernels& kernels, const char* isa) {
  const Case k{{2, 24, 9, 8, 0}, kFloat32, true, true, false, false};
  const Outcome before = inputs(k);
  for (int wanted = 0; wanted < 5; wanted++) {
    Outcome o = before;
    GateArguments a = arguments(k, o);
    if (wanted != 0) a.dx = nullptr;
    if (wanted != 1) a.dw1 = nullptr;
    if (wanted != 2) a.db1 = nullptr;
    if (wanted != 3) a.dw2 = nullptr;
    if (wanted != 4) a.db2 = nullptr;
    kernels.forward(a);
    kernels.backward(a);
    check((o.dx == before.dx) == (wanted != 0) && (o.dw1 == before.dw1) == (wanted != 1) && (o.db1 == before.db1) == (wanted != 2) &&
              (o.dw2 == before.dw2) == (wanted != 3) && (o.db2 == before.db2) == (wanted != 4),
          std::string(isa) + " writes what is wanted, and only that");
  }
}

// What is not a number stays so, in its image.
void try_nan(const GateKernels& kernels, const char* isa) {
  const Case k{{2, 16, 5, 8, 16}, kFloat32, false, true, false, false};
  Outcome o = inputs(k);
  o.x.set(3, std::nanf(""));
  const GateArguments a = arguments(k, o);
  kernels.forward(a);
  check(std::isnan(o.out.get(0)) && std::isnan(o.out.get(16 * 5 - 1)) && !std::isnan(o.out.get(16 * 5)), std::string(isa) + " NaN");
}

void try_set(const GateKernels& kernels, const char* isa) {
  try_all(kernels, isa);
  try_unwanted(kernels, isa);
  try_nan(kernels, isa);
}

}  // namespace

int main() {
  try_set(gate_kernels_portable(), "portable");
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    try_set(gate_kernels_avx2(), "avx2");
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    try_set(gate_kernels_avx512(), "avx512");
  }
#endif
  std::printf("%s\n", failures == 0 ? "gate: all equal" : "gate: failures");
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
