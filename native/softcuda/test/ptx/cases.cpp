#include "cases.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>

#include "../support/test.h"
#include "exact.h"

namespace test {
namespace {

const char* registerType(Kind kind) {
  switch (bitsOf(kind)) {
    case 1: return ".pred";
    case 8:
    case 16: return ".b16";
    case 32: return ".b32";
    default: return ".b64";
  }
}

const exact::Format* formatOf(Kind kind) {
  switch (kind) {
    case Kind::F16:
    case Kind::F16x2: return &exact::kF16;
    case Kind::Bf16:
    case Kind::Bf16x2: return &exact::kBf16;
    case Kind::F32: return &exact::kF32;
    case Kind::F64: return &exact::kF64;
    default: return nullptr;
  }
}

std::vector<uint64_t> integerEdges(int bits) {
  std::vector<uint64_t> all;
  const uint64_t mask = bits == 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1;
  for (uint64_t v : {0ull,
                     1ull,
                     2ull,
                     3ull,
                     4ull,
                     7ull,
                     10ull,
                     15ull,
                     16ull,
                     17ull,
                     31ull,
                     32ull,
                     33ull,
                     63ull,
                     64ull,
                     65ull,
                     100ull,
                     127ull,
                     128ull,
                     255ull,
                     256ull,
                     32767ull,
                     32768ull,
                     65535ull,
                     65536ull,
                     0x7fffffull,
                     0x800000ull,
                     0xffffffull,
                     0x7fffffffull,
                     0x80000000ull,
                     0xffffffffull,
                     0x100000000ull,
                     0x7fffffffffffffffull,
                     0x8000000000000000ull,
                     0x5555555555555555ull,
                     0x123456789abcdef0ull,
                     0xdeadbeefcafef00dull,
                     0x0f0ff0f0a5a55a5aull})
    for (uint64_t w : {v, 0 - v, ~v}) all.push_back(w & mask);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::vector<uint64_t> floatEdges(const exact::Format& f) {
  const int fraction = f.precision - 1, exponentBits = f.bits - f.precision;
  const uint64_t unit = uint64_t(1) << fraction, infinity = ((uint64_t(1) << exponentBits) - 1) << fraction,
                 sign = uint64_t(1) << (f.bits - 1);
  const auto bias = static_cast<uint64_t>(f.maxExponent);
  const auto power = [&](int e) { return (bias + static_cast<uint64_t>(e)) << fraction; };
  std::vector<uint64_t> all;
  for (uint64_t v : {uint64_t(0),
                     uint64_t(1),
                     uint64_t(2),
                     unit / 2,
                     unit - 1,
                     unit,
                     unit + 1,
                     2 * unit,
                     power(-3),
                     power(-1) - 1,
                     power(-1),
                     power(-1) + 1,
                     power(-1) + unit / 2,
                     power(0) - 1,
                     power(0),
                     power(0) + 1,
                     power(0) + 3,
                     power(0) + unit / 2,
                     power(1),
                     power(1) + unit / 4,
                     power(1) + unit / 2,
                     power(2) + unit / 8,
                     power(3) + 5,
                     power(fraction) - 1,
                     power(fraction),
                     power(fraction) + 1,
                     power(fraction - 1) + 1,
                     power(f.maxExponent - 1) + 7,
                     power(f.maxExponent),
                     infinity - 1,
                     infinity,
                     infinity + 1,
                     infinity + unit / 2,
                     infinity + unit - 1,
                     power(f.minExponent / 2),
                     power(f.minExponent / 2) + 3,
                     power(f.maxExponent / 2) + 1}) {
    all.push_back(v);
    all.push_back(v | sign);
  }
  std::mt19937_64 random(3);
  for (int i = 0; i < 8; i++) all.push_back(random() & (sign - 1 + sign));
  for (int i = 0; i < 8; i++)
    all.push_back((power(static_cast<int>(random() % 12) - 6) | (random() & (unit - 1))) ^ (i % 2 ? sign : 0));
  return all;
}

std::vector<uint64_t> pairEdges(const exact::Format& f) {
  const auto single = floatEdges(f);
  std::vector<uint64_t> all;
  for (size_t i = 0; i < single.size(); i++) all.push_back(single[i] | single[(i * 17 + 5) % single.size()] << 16);
  return all;
}

// Where the registers of a case come from: the operands, all combinations for one and two, else a sample.
std::vector<std::vector<uint64_t>> operandsOf(const Case& c) {
  std::vector<std::vector<uint64_t>> columns(c.operands.size());
  const auto add = [&](const std::vector<uint64_t>& row) {
    if (c.open && c.open(row.data())) return;
    for (size_t i = 0; i < row.size(); i++) columns[i].push_back(row[i]);
  };
  if (c.operands.empty()) return columns;
  const auto& first = edgesOf(c.operands[0]);
  std::mt19937_64 random(c.text.size());
  const auto any = [&](Kind kind) {
    const auto& e = edgesOf(kind);
    if (random() % 3) return e[random() % e.size()];
    const int bits = bitsOf(kind);
    return bits == 64 ? random() : random() & ((uint64_t(1) << bits) - 1);
  };
  if (c.operands.size() == 1) {
    for (uint64_t a : first) add({a});
    for (int i = 0; i < 500; i++) add({any(c.operands[0])});
  } else if (c.operands.size() == 2) {
    for (uint64_t a : first)
      for (uint64_t b : edgesOf(c.operands[1])) add({a, b});
    for (int i = 0; i < 1000; i++) add({any(c.operands[0]), any(c.operands[1])});
  } else {
    for (int i = 0; i < 6000; i++) {
      std::vector<uint64_t> row;
      for (Kind k : c.operands) row.push_back(any(k));
      add(row);
    }
  }
  return columns;
}

std::string kernelOf(const Case& c, size_t number) {
  static const char* const names[] = {"a", "b", "c", "e"};
  std::string k =
      ".visible .entry k" + std::to_string(number) +
      "(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u64 pe, .param .u64 pd, .param .u32 n)\n{\n";
  k += "  .reg .pred %guard;\n  .reg .b32 %i<4>;\n  .reg .b64 %address, %raw;\n";
  k += "  mov.u32 %i0, %ctaid.x;\n  mov.u32 %i1, %ntid.x;\n  mov.u32 %i2, %tid.x;\n  mad.lo.u32 %i0, %i0, %i1, %i2;\n";
  k += "  ld.param.u32 %i1, [n];\n  setp.ge.u32 %guard, %i0, %i1;\n  @%guard bra DONE;\n";
  const auto element = [&](const std::string& parameter) {
    return "  ld.param.u64 %address, [" + parameter + "];\n  mad.wide.u32 %address, %i0, 8, %address;\n";
  };
  for (size_t i = 0; i < c.operands.size(); i++) {
    const std::string r = std::string("%") + names[i], type = registerType(c.operands[i]);
    k += "  .reg " + type + " " + r + ";\n" + element(std::string("p") + names[i]) +
         "  ld.global.u64 %raw, [%address];\n";
    if (type == ".pred") k += "  setp.ne.u64 " + r + ", %raw, 0;\n";
    else if (type == ".b16") k += "  cvt.u16.u64 " + r + ", %raw;\n";
    else if (type == ".b32") k += "  cvt.u32.u64 " + r + ", %raw;\n";
    else k += "  mov.b64 " + r + ", %raw;\n";
  }
  const std::string type = registerType(c.result);
  k += "  .reg " + type + " %d;\n  {\n  " + c.text + "\n  }\n";
  if (type == ".pred") k += "  selp.u64 %raw, 1, 0, %d;\n";
  else if (type == ".b16") k += "  cvt.u64.u16 %raw, %d;\n";
  else if (type == ".b32") k += "  cvt.u64.u32 %raw, %d;\n";
  else k += "  mov.b64 %raw, %d;\n";
  k += element("pd") + "  st.global.u64 [%address], %raw;\nDONE:\n  ret;\n}\n";
  return k;
}

double valueOf(uint64_t bits, const exact::Format& f) {
  const exact::Number n = exact::decode(bits, f);
  if (n.kind == exact::Number::NaN) return NAN;
  return exact::approximately(n);
}

bool sameFloat(uint64_t got, uint64_t expected, const exact::Format& f, const Case& c) {
  if (got == expected) return true;
  const double g = valueOf(got, f), e = valueOf(expected, f);
  if (std::isnan(g) || std::isnan(e)) return std::isnan(g) && std::isnan(e);
  if (c.ulps == 0 && c.absolute == 0) return false;
  const double largest = std::ldexp(1, f.maxExponent + 1);
  const double x = std::isinf(g) ? std::copysign(largest, g) : g, y = std::isinf(e) ? std::copysign(largest, e) : e;
  if (std::fabs(x - y) <= c.absolute) return true;
  const int exponent = y == 0 ? f.minExponent : std::max(std::ilogb(y), f.minExponent);
  return std::fabs(x - y) <= c.ulps * std::ldexp(1, exponent - f.precision + 1);
}

bool same(uint64_t got, uint64_t expected, const Case& c) {
  if (got == expected) return true;
  const exact::Format* f = formatOf(c.result);
  if (!f) return false;
  if (c.result == Kind::F16x2 || c.result == Kind::Bf16x2)
    return sameFloat(got & 0xffff, expected & 0xffff, *f, c) && sameFloat(got >> 16, expected >> 16, *f, c);
  return sameFloat(got, expected, *f, c);
}

std::string hex(uint64_t v) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(v));
  return text;
}

std::string withValue(uint64_t bits, Kind kind) {
  const exact::Format* f = formatOf(kind);
  if (!f || kind == Kind::F16x2 || kind == Kind::Bf16x2) return hex(bits);
  return hex(bits) + " (" + show(valueOf(bits, *f)) + ")";
}

}  // namespace

int bitsOf(Kind kind) {
  switch (kind) {
    case Kind::Pred: return 1;
    case Kind::U8:
    case Kind::S8: return 8;
    case Kind::U16:
    case Kind::S16:
    case Kind::F16:
    case Kind::Bf16: return 16;
    case Kind::U64:
    case Kind::S64:
    case Kind::F64: return 64;
    default: return 32;
  }
}

const std::vector<uint64_t>& edgesOf(Kind kind) {
  static std::map<Kind, std::vector<uint64_t>> all;
  auto& edges = all[kind];
  if (edges.empty()) {
    const exact::Format* f = formatOf(kind);
    edges = kind == Kind::Pred                            ? std::vector<uint64_t>{0, 1}
            : kind == Kind::F16x2 || kind == Kind::Bf16x2 ? pairEdges(*f)
            : f                                           ? floatEdges(*f)
                                                          : integerEdges(bitsOf(kind));
  }
  return edges;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

void runCases(const std::vector<Case>& cases) {
  std::string ptx = ".version 8.0\n.target sm_80\n.address_size 64\n";
  for (size_t i = 0; i < cases.size(); i++) ptx += kernelOf(cases[i], i);
  if (const char* folder = std::getenv("SOFTCUDA_TEST_KEEP_PTX")) {  // to be assembled by ptxas, which must accept it
    static int number = 0;
    std::ofstream(std::string(folder) + "/cases" + std::to_string(number++) + ".ptx") << ptx;
  }
  const Module module = Module::fromText(ptx);
  std::string failures;
  for (size_t i = 0; i < cases.size(); i++) {
    const Case& c = cases[i];
    const auto columns = operandsOf(c);
    const auto n = static_cast<unsigned>(columns.empty() ? 32 : columns[0].size());
    std::vector<Buffer<uint64_t>> in;
    for (size_t k = 0; k < 4; k++) in.emplace_back(k < columns.size() ? columns[k] : std::vector<uint64_t>(1));
    auto out = Buffer<uint64_t>::filled(n, 0xcd);
    module.run("k" + std::to_string(i), {(n + 127) / 128, 128}, in[0], in[1], in[2], in[3], out, n);
    const auto got = out.download();
    size_t wrong = 0;
    std::string first;
    for (unsigned row = 0; row < n; row++) {
      uint64_t operands[4] = {};
      for (size_t k = 0; k < columns.size(); k++) operands[k] = columns[k][row];
      const uint64_t expected = c.formula(operands);
      if (same(got[row], expected, c) || wrong++) continue;
      first = c.text + "  of";
      for (size_t k = 0; k < columns.size(); k++) first += " " + withValue(operands[k], c.operands[k]);
      first += " gives " + withValue(got[row], c.result) + ", not " + withValue(expected, c.result);
    }
    if (wrong) failures += "\n  " + first + " [" + std::to_string(wrong) + " of " + std::to_string(n) + "]";
  }
  if (!failures.empty()) throw Error(failures);
}

}  // namespace test
