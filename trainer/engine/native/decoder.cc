// Parts of the decoder that need no vectors.
#include "decoder.h"

#include <chrono>

namespace touchstone {
namespace {

uint32_t rotate(uint32_t x, int bits) { return (x << bits) | (x >> (32 - bits)); }

// xoshiro128** (Blackman and Vigna 2018), as `Random.bits` has it.
uint32_t next_bits(uint32_t* s) {
  const uint32_t result = rotate(s[1] * 5, 7) * 9, shifted = s[1] << 9;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= shifted;
  s[3] = rotate(s[3], 11);
  return result;
}

}  // namespace

double next_uniform(uint32_t* state) {
  const double high = next_bits(state) >> 5, low = next_bits(state) >> 6;
  return (high * 67108864 + low) / 9007199254740992;
}

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace touchstone
