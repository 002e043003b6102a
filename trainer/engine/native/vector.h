// Vectors of floats for one instruction set. This header and all that include it are compiled several times, each
// time into the namespace VARIANT; they use no std templates, whose instances the linker would merge across variants.
#pragma once
#include <cstddef>
#include <cstdint>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "pool.h"

#ifndef VARIANT
#define VARIANT portable
#define VECTOR_BYTES 16
#define TILE_ROWS 6
#endif

#define INLINE static inline __attribute__((always_inline))

namespace touchstone {
namespace VARIANT {

typedef float vf __attribute__((vector_size(VECTOR_BYTES)));
typedef int32_t vi __attribute__((vector_size(VECTOR_BYTES)));

// VL floats in a vector; a tile of C is MR rows of NR = 2 VL floats.
constexpr int VL = VECTOR_BYTES / 4;
constexpr int MR = TILE_ROWS;
constexpr int NR = 2 * VL;

INLINE vf load(const float* p) {
  vf v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
INLINE void store(float* p, vf v) { __builtin_memcpy(p, &v, sizeof v); }
INLINE vi loadi(const int32_t* p) {
  vi v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
INLINE vf set(float x) { return x - vf{}; }
INLINE vi seti(int32_t x) { return x - vi{}; }
INLINE vf max(vf a, vf b) { return a > b ? a : b; }

// The first n of VL floats; the others read as `rest`.
#if defined(__AVX512F__)
INLINE __mmask16 first_lanes(long n) { return n >= VL ? 0xffff : (__mmask16)((1u << n) - 1); }
INLINE vf load_part(const float* p, long n, float rest) {
  return (vf)_mm512_mask_loadu_ps(_mm512_set1_ps(rest), first_lanes(n), p);
}
INLINE void store_part(float* p, vf v, long n) { _mm512_mask_storeu_ps(p, first_lanes(n), (__m512)v); }
#else
INLINE vf load_part(const float* p, long n, float rest) {
  float t[VL];
  for (int i = 0; i < VL; i++) t[i] = i < n ? p[i] : rest;
  return load(t);
}
INLINE void store_part(float* p, vf v, long n) {
  float t[VL];
  store(t, v);
  for (int i = 0; i < n && i < VL; i++) p[i] = t[i];
}
#endif

INLINE float sum(vf v) {
  float t[VL];
  store(t, v);
  for (int w = VL / 2; w > 0; w /= 2)
    for (int i = 0; i < w; i++) t[i] += t[i + w];
  return t[0];
}
INLINE float max_of(vf v) {
  float t[VL];
  store(t, v);
  for (int w = VL / 2; w > 0; w /= 2)
    for (int i = 0; i < w; i++) t[i] = t[i] > t[i + w] ? t[i] : t[i + w];
  return t[0];
}

// e^x to about 1 ulp: x = n ln 2 + r with |r| <= ln 2 / 2, e^r by its series (coefficients 1/k!, the last two fitted),
// 2^n through the exponent's bits. Below -87.3 the result is 0, above 88.7 infinity; NaN stays NaN.
INLINE vf exp(vf x) {
  const vf low = set(-87.3f), high = set(88.72f);
  vf y = x < low ? low : x;
  y = y > high ? high : y;
  const vf magic = set(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer held in the low bits
  vf t = y * 1.44269504088896341f + magic;
  vf n = t - magic;
  vf r = y - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  vf p = set(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  vi shift = (vi)t - seti(0x4B400000);
  // Two halves of the exponent, so that 2^128 is reached without overflowing the bits.
  vi half = shift >> 1;
  vf first = (vf)((half + 127) << 23), second = (vf)((shift - half + 127) << 23);
  vf e = p * first * second;
  e = x < low ? vf{} : e;
  e = x > high ? set(__builtin_inff()) : e;
  return x != x ? x : e;
}

INLINE vf sigmoid(vf x) { return 1.0f / (1.0f + exp(-x)); }

constexpr float GELU_SCALE = 0.7978845608028654f;  // sqrt(2 / pi)
constexpr float GELU_CUBIC = 0.044715f;

// 0.5 (1 + tanh(u)) is sigmoid(2u), which loses nothing where tanh is near -1.
INLINE vf gelu(vf x) {
  vf u = GELU_SCALE * (x + GELU_CUBIC * x * x * x);
  return x * sigmoid(2.0f * u);
}
INLINE vf gelu_derivative(vf x) {
  vf u = GELU_SCALE * (x + GELU_CUBIC * x * x * x);
  vf s = sigmoid(2.0f * u);
  vf du = GELU_SCALE * (1.0f + 3.0f * GELU_CUBIC * x * x);
  return s + 2.0f * x * s * (1.0f - s) * du;
}

template <class F>
INLINE void for_each_task(long tasks, const F& f) {
  parallel(
      tasks, [](const void* context, long task, int thread) { (*static_cast<const F*>(context))(task, thread); },
      &f);
}

INLINE long divide_up(long a, long b) { return (a + b - 1) / b; }
INLINE long smaller(long a, long b) { return a < b ? a : b; }
INLINE long larger(long a, long b) { return a > b ? a : b; }

}  // namespace VARIANT
}  // namespace touchstone
