// Matrix products of inputs rounded to bf16, by AVX-512's dot products of pairs, summed in float32. build.mjs compiles
// this file with the instructions where the compiler has them; elsewhere it offers nothing.
#include "products.h"

#if defined(__AVX512BF16__)

#define VARIANT avx512bf16
#define VECTOR_BYTES 64
#define TILE_ROWS 14
#include "vector.h"

namespace touchstone {
namespace VARIANT {

typedef uint32_t vu __attribute__((vector_size(VECTOR_BYTES)));

// Pairs of K in one pass: a panel of B is 32 kB of the first-level cache.
constexpr long PAIRS = 256;
// Rows of C in a task.
constexpr long ROWS = 8 * MR;

// The upper halves of floats, rounded to nearest, ties to even; NaN stays NaN.
INLINE vu rounded(vf x) {
  const vu bits = (vu)x;
  const vu near = bits + 0x7fffu + ((bits >> 16) & 1u);
  return x != x ? (bits | 0x00400000u) : near;
}
// Two vectors as pairs: `even` in the lower halves.
INLINE vf pairs_of(vf even, vf odd) { return (vf)((rounded(even) >> 16) | (rounded(odd) & 0xffff0000u)); }

INLINE float pair_of(float even, float odd) {
  const vf pair = pairs_of(set(even), set(odd));
  return pair[0];
}

// C[i][j] (+)= sum over pairs p of a[p * R + i] · b[p * NR + j].
template <int R>
static void tile(long pairs, const float* a, const float* b, float* c, long cs, long columns, bool accumulate) {
  __m512 sums[R][2];
#pragma GCC unroll 16
  for (int i = 0; i < R; i++) sums[i][0] = sums[i][1] = _mm512_setzero_ps();
  for (long p = 0; p < pairs; p++, a += R, b += NR) {
    const __m512bh low = (__m512bh)_mm512_loadu_ps(b), high = (__m512bh)_mm512_loadu_ps(b + VL);
#pragma GCC unroll 16
    for (int i = 0; i < R; i++) {
      const __m512bh left = (__m512bh)_mm512_set1_ps(a[i]);
      sums[i][0] = _mm512_dpbf16_ps(sums[i][0], left, low);
      sums[i][1] = _mm512_dpbf16_ps(sums[i][1], left, high);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; i++)
    for (int half = 0; half < 2; half++) {
      const long n = columns - half * VL;
      if (n <= 0) continue;
      float* p = c + i * cs + half * VL;
      const vf sum = (vf)sums[i][half];
      if (n >= VL) store(p, accumulate ? load(p) + sum : sum);
      else store_part(p, accumulate ? load_part(p, n, 0) + sum : sum, n);
    }
}

typedef void (*Tile)(long, const float*, const float*, float*, long, long, bool);
template <int R>
INLINE Tile tile_of(long rows) {
  if constexpr (R == 0) return nullptr;
  else return rows == R ? tile<R> : tile_of<R - 1>(rows);
}

// to[p * rows + i]: the pair (2p, 2p + 1) of row i; an odd K ends with a zero.
INLINE void pack_rows(float* to, const float* from, long rs, long ks, long rows, long K) {
  if (rs == 1 && rows <= VL) {
    for (long k = 0; k < K; k += 2, to += rows, from += 2 * ks) {
      const vf even = load_part(from, rows, 0), odd = k + 1 < K ? load_part(from + ks, rows, 0) : vf{};
      store_part(to, pairs_of(even, odd), rows);
    }
    return;
  }
  if (ks == 1) {
    for (long i = 0; i < rows; i++) {
      const float* p = from + i * rs;
      for (long k = 0; k < K; k += 2 * VL) {
        // Even and odd elements of 32 in a row, as two vectors.
        const vf first = load_part(p + k, smaller(VL, K - k), 0);
        const vf second = K - k > VL ? load_part(p + k + VL, smaller(VL, K - k - VL), 0) : vf{};
        const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
        const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
        const vf pairs = pairs_of((vf)_mm512_permutex2var_ps((__m512)first, even, (__m512)second),
                                  (vf)_mm512_permutex2var_ps((__m512)first, odd, (__m512)second));
        float line[VL];
        store(line, pairs);
        const long count = smaller(VL, divide_up(K - k, 2));
        for (long q = 0; q < count; q++) to[(k / 2 + q) * rows + i] = line[q];
      }
    }
    return;
  }
  for (long k = 0; k < K; k += 2, to += rows, from += 2 * ks)
    for (long i = 0; i < rows; i++) to[i] = pair_of(from[i * rs], k + 1 < K ? from[i * rs + ks] : 0);
}

// to[p * NR + j]: the pair (2p, 2p + 1) of column j, zeros beyond `columns`.
INLINE void pack_columns(float* to, const float* from, long ks, long js, long columns, long K) {
  if (js == 1) {
    for (long k = 0; k < K; k += 2, to += NR, from += 2 * ks)
      for (int half = 0; half < 2; half++) {
        const long n = larger(0, smaller(VL, columns - half * VL));
        const float* p = from + half * VL;
        const vf even = load_part(p, n, 0), odd = k + 1 < K ? load_part(p + ks, n, 0) : vf{};
        store(to + half * VL, pairs_of(even, odd));
      }
    return;
  }
  if (columns == NR) {
    pack_rows(to, from, js, ks, NR, K);
    return;
  }
  for (long k = 0; k < K; k += 2)
    for (long j = 0; j < NR; j++) {
      const bool inside = j < columns, whole = inside && k + 1 < K;
      to[k / 2 * NR + j] = inside ? pair_of(from[j * js + k * ks], whole ? from[j * js + (k + 1) * ks] : 0) : 0;
    }
}

static void gemm(const GemmArgs& g) {
  const long M = g.m, N = g.n, K = g.k;
  if (M == 0 || N == 0) return;
  const long column_panels = divide_up(N, NR), row_blocks = divide_up(M, ROWS);
  float* packed_b = scratch(0, SCRATCH_B, PAIRS * column_panels * NR);
  for (long k0 = 0; k0 == 0 || k0 < K; k0 += 2 * PAIRS) {
    const long kc = smaller(2 * PAIRS, K - k0), pairs = divide_up(kc, 2);
    for_each_task(column_panels, [&](long p, int) {
      pack_columns(packed_b + p * pairs * NR, g.b + k0 * g.bk + p * NR * g.bn, g.bk, g.bn, smaller(NR, N - p * NR), kc);
    });
    const bool accumulate = g.accumulate || k0 > 0;
    for_each_task(row_blocks, [&](long task, int thread) {
      const long first = task * ROWS, end = smaller(M, first + ROWS);
      float* packed_a = scratch(thread, SCRATCH_A, ROWS * PAIRS);
      for (long i = first; i < end; i += MR)
        pack_rows(packed_a + (i - first) * pairs, g.a + i * g.am + k0 * g.ak, g.am, g.ak, smaller(MR, end - i), kc);
      for (long p = 0; p < column_panels; p++)
        for (long i = first; i < end; i += MR)
          tile_of<MR>(smaller(MR, end - i))(pairs, packed_a + (i - first) * pairs, packed_b + p * pairs * NR,
                                            g.c + i * g.cs + p * NR, g.cs, N - p * NR, accumulate);
    });
  }
}

}  // namespace VARIANT

Bf16Gemm bf16_gemm() { return __builtin_cpu_supports("avx512bf16") ? avx512bf16::gemm : nullptr; }

}  // namespace touchstone

#else

namespace touchstone {
Bf16Gemm bf16_gemm() { return nullptr; }
}  // namespace touchstone

#endif
