// Tensors of tests, in any of the types that kernels take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "norm.h"

namespace resfuse {

inline uint16_t to_bfloat16(float value) {
  uint32_t word;
  std::memcpy(&word, &value, 4);
  return static_cast<uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
}

inline float from_bfloat16(uint16_t half) {
  const uint32_t word = static_cast<uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &word, 4);
  return value;
}

// A tensor of either type, with a canary behind it.
class Tensor {
 public:
  Tensor(int64_t elements, ElementType type) : type_(type), elements_(elements) {
    bytes_.resize(elements * size() + kCanary, std::byte{0x5a});
  }

  void set(int64_t i, float value) {
    if (type_ == kFloat32) {
      std::memcpy(bytes_.data() + i * 4, &value, 4);
    } else {
      const uint16_t half = to_bfloat16(value);
      std::memcpy(bytes_.data() + i * 2, &half, 2);
    }
  }

  float get(int64_t i) const {
    if (type_ == kFloat32) {
      float value;
      std::memcpy(&value, bytes_.data() + i * 4, 4);
      return value;
    }
    uint16_t half;
    std::memcpy(&half, bytes_.data() + i * 2, 2);
    return from_bfloat16(half);
  }

  void* data() { return bytes_.data(); }

  bool is_intact() const {
    for (size_t i = elements_ * size(); i < bytes_.size(); i++) {
      if (bytes_[i] != std::byte{0x5a}) {
        return false;
      }
    }
    return true;
  }

  bool operator==(const Tensor& other) const { return bytes_ == other.bytes_; }

 private:
  static constexpr int64_t kCanary = 64;

  int64_t size() const { return type_ == kFloat32 ? 4 : 2; }

  ElementType type_;
  int64_t elements_;
  std::vector<std::byte> bytes_;
};

}  // namespace resfuse
