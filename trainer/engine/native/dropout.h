// Which elements dropout keeps: a function of seed and index alone. ops/dropout.ts computes the same.
#pragma once
#include "vector.h"

namespace touchstone {
namespace VARIANT {

typedef uint32_t vu __attribute__((vector_size(VECTOR_BYTES)));

// Finaliser of MurmurHash3.
template <class T>
INLINE T mix(T z) {
  z = (z ^ (z >> 16)) * 0x85ebca6bu;
  z = (z ^ (z >> 13)) * 0xc2b2ae35u;
  return z ^ (z >> 16);
}

struct Drop {
  uint32_t key, threshold;
  float scale;
};

INLINE Drop drop_of(double rate, uint32_t seed) {
  return {mix(seed ^ 0x9e3779b9u), (uint32_t)(rate * 4294967296.0), (float)(1.0 / (1.0 - rate))};
}

// x where it is kept, scaled; else 0, or NaN where x is. The lanes are elements first, first + 1, ...
INLINE vf drop(const Drop& d, vf x, uint32_t first) {
  vu index;
  for (int i = 0; i < VL; i++) index[i] = first + 1u + (uint32_t)i;
  const vu hash = mix(mix(index) ^ d.key);
  return hash < d.threshold ? x * 0.0f : x * d.scale;
}

}  // namespace VARIANT
}  // namespace touchstone
