// Matrix products: packed panels, one register tile (Goto and van de Geijn 2008).
#pragma once
#include "dropout.h"
#include "kernels.h"
#include "vector.h"

namespace touchstone {
namespace VARIANT {

// Rows of K in one pass over C: a panel of B (KC x NR floats) stays within the first-level cache.
constexpr long KC = 256;
// Floats of A that a task packs at once: stays within half a second-level cache of 512 kB.
constexpr long A_BLOCK = 48 * 1024;

// C[i][j] (+)= sum over k of a[k * as + i] * b[k * bs + j], for R rows and V vectors of columns; a[i * as + k] if ByRow.
template <int R, int V, bool ByRow>
static void tile(long K, const float* a, long as, const float* b, long bs, float* c, long cs, bool accumulate) {
  vf sums[R][V];
#pragma GCC unroll 16
  for (int i = 0; i < R; i++)
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) sums[i][v] = vf{};
  for (long k = 0; k < K; k++) {
    vf column[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) column[v] = load(b + v * VL);
#pragma GCC unroll 16
    for (int i = 0; i < R; i++)
#pragma GCC unroll 2
      for (int v = 0; v < V; v++) sums[i][v] += a[ByRow ? i * as : i] * column[v];
    a += ByRow ? 1 : as;
    b += bs;
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; i++)
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) {
      float* p = c + i * cs + v * VL;
      store(p, accumulate ? load(p) + sums[i][v] : sums[i][v]);
    }
}

typedef void (*Tile)(long, const float*, long, const float*, long, float*, long, bool);

template <int R>
struct TileTable {
  static Tile find(int rows, int vectors, bool by_row) {
    if (rows != R) return TileTable<R - 1>::find(rows, vectors, by_row);
    if (by_row) return vectors == 1 ? tile<R, 1, true> : tile<R, 2, true>;
    return vectors == 1 ? tile<R, 1, false> : tile<R, 2, false>;
  }
};
template <>
struct TileTable<0> {
  static Tile find(int, int, bool) { return nullptr; }
};

// As `tile`, for any number of rows up to MR and of columns up to NR. B must be readable for whole vectors.
INLINE void tile_part(int rows, int columns, long K, const float* a, long as, const float* b, long bs, float* c,
                      long cs, bool accumulate, bool by_row = false) {
  int vectors = columns > VL ? 2 : 1;
  Tile compute = TileTable<MR>::find(rows, vectors, by_row);
  if (columns == vectors * VL) {
    compute(K, a, as, b, bs, c, cs, accumulate);
    return;
  }
  float edge[MR * NR];
  compute(K, a, as, b, bs, edge, NR, false);
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < columns; j++) {
      float* p = c + i * cs + j;
      *p = accumulate ? *p + edge[i * NR + j] : edge[i * NR + j];
    }
}

// Rows of a panel: M cut into as few panels as MR allows, as even as they get.
INLINE long panel_rows(long M) { return divide_up(M, divide_up(M, MR)); }

// to[k * rows + i] = from[i * rs + k * ks] for i < rows; `to` may be written NR floats further.
INLINE void pack_rows(float* to, const float* from, long rs, long ks, long rows, long K) {
  if (rs == 1) {
    long k = 0;
    // Whole vectors, where what follows in the matrix is there to be read and `to` has room for it; the next row of the
    // panel overwrites the surplus. A call of memcpy for so few floats costs more than the copy.
    if (rows <= NR && ks >= NR)
      for (; k < K - 1; k++, to += rows, from += ks) {
        store(to, load(from));
        if (rows > VL) store(to + VL, load(from + VL));
      }
    for (; k < K; k++, to += rows, from += ks)
      for (long i = 0; i < rows; i++) to[i] = from[i];
    return;
  }
  for (long k = 0; k < K; k++, to += rows, from += ks)
    for (long i = 0; i < rows; i++) to[i] = from[i * rs];
}

// to[k * NR + j] = from[k * ks + j * js] for j < columns, 0 up to NR.
INLINE void pack_columns(float* to, const float* from, long ks, long js, long columns, long K) {
  if (columns == NR && js == 1) {
    for (long k = 0; k < K; k++, to += NR, from += ks) {
      store(to, load(from));
      store(to + VL, load(from + VL));
    }
    return;
  }
  if (js == 1) {
    for (long k = 0; k < K; k++, to += NR, from += ks)
      for (long j = 0; j < NR; j++) to[j] = j < columns ? from[j] : 0;
    return;
  }
  for (long j = 0; j < NR; j++) {
    const float* p = from + j * js;
    if (j < columns)
      for (long k = 0; k < K; k++) to[k * NR + j] = p[k * ks];
    else
      for (long k = 0; k < K; k++) to[k * NR + j] = 0;
  }
}

// Bias, GELU, dropout and residual over a block of C, and the value before GELU into `before`.
INLINE void finish(const GemmArgs& g, long row, long rows, long column, long columns) {
  const Drop dropping = drop_of(g.drop_rate, g.drop_seed);
  for (long i = row; i < row + rows; i++) {
    float* c = g.c + i * g.cs;
    const float* residual = g.residual ? g.residual + i * g.cs : nullptr;
    float* before = g.before ? g.before + i * g.cs : nullptr;
    for (long j = column; j < column + columns; j += VL) {
      long n = column + columns - j;
      vf x = n >= VL ? load(c + j) : load_part(c + j, n, 0);
      if (g.bias) x += n >= VL ? load(g.bias + j) : load_part(g.bias + j, n, 0);
      if (before) {
        if (n >= VL) store(before + j, x);
        else store_part(before + j, x, n);
      }
      if (g.gelu) x = gelu(x);
      if (g.drop_rate > 0) x = drop(dropping, x, (uint32_t)(i * g.n + j));
      if (residual) x += n >= VL ? load(residual + j) : load_part(residual + j, n, 0);
      if (n >= VL) store(c + j, x);
      else store_part(c + j, x, n);
    }
  }
}

// sums[j] (+)= the sum of column j of a packed panel.
INLINE void add_columns(const float* panel, long K, long columns, float* sums, bool accumulate) {
  // Four sums side by side: one alone would wait for each addition, and round more.
  vf parts[4][2] = {};
  for (long k = 0; k < K; k++)
    for (int half = 0; half < 2; half++) parts[k % 4][half] += load(panel + k * NR + half * VL);
  vf total[2];
  for (int half = 0; half < 2; half++)
    total[half] = (parts[0][half] + parts[1][half]) + (parts[2][half] + parts[3][half]);
  for (int half = 0; half < 2; half++) {
    const long n = columns - half * VL;
    float* p = sums + half * VL;
    if (n > 0) store_part(p, accumulate ? total[half] + load_part(p, n, 0) : total[half], n);
  }
}

static void finish_all(const GemmArgs& g) {
  constexpr long ROWS = 16;
  for_each_task(divide_up(g.m, ROWS),
                [&](long task, int) { finish(g, task * ROWS, smaller(ROWS, g.m - task * ROWS), 0, g.n); });
}

// Into how many blocks of columns the row blocks are cut, at most `most`: as few as leave each thread twice something to
// take and none idle for more than a sixteenth of the time. Does not change the sums, only who makes them.
INLINE long splits_of_columns(long row_blocks, long most, long threads) {
  constexpr long ENOUGH = 8;
  for (long splits = 1; splits < smaller(most, ENOUGH * threads); splits++) {
    const long tasks = row_blocks * splits, turns = divide_up(tasks, threads);
    if (tasks >= 2 * threads && 16 * tasks >= 15 * turns * threads) return splits;
  }
  return smaller(most, ENOUGH * threads);
}

static void gemm(const GemmArgs& g) {
  const long M = g.m, N = g.n, K = g.k;
  if (M == 0 || N == 0) return;
  const long rows = panel_rows(M), row_panels = divide_up(M, rows), column_panels = divide_up(N, NR);
  const long k_blocks = larger(1, divide_up(K, KC)), k_step = divide_up(K, k_blocks);
  const long threads = thread_count();
  float* packed_b = scratch(0, SCRATCH_B, larger(1, k_step) * column_panels * NR);

  // For a few rows, as in decoding, packing B costs more than reading it where it lies.
  const bool direct = g.bn == 1 && M <= 4 * MR && !g.b_sums;

  // Rows of A are read where they lie, unless they lie so that they would share sets of the cache.
  const bool rows_direct = g.ak == 1 && (g.am % 1024 != 0 || M == 1);

  // A task is a block of row panels by a block of column panels: as large as the cache allows, and a few a thread.
  long block = larger(1, A_BLOCK / larger(1, k_step * rows));
  block = smaller(block, larger(1, divide_up(row_panels, 4 * threads)));
  const long row_blocks = divide_up(row_panels, block);
  const long column_splits = splits_of_columns(row_blocks, column_panels, threads);
  const long column_block = divide_up(column_panels, column_splits);

  for (long kb = 0; kb < k_blocks; kb++) {
    const long k0 = kb * k_step, kc = larger(0, smaller(k_step, K - k0));
    const auto pack = [&](long p, int) {
      pack_columns(packed_b + p * kc * NR, g.b + k0 * g.bk + p * NR * g.bn, g.bk, g.bn, smaller(NR, N - p * NR), kc);
      if (g.b_sums) add_columns(packed_b + p * kc * NR, kc, smaller(NR, N - p * NR), g.b_sums + p * NR, kb > 0);
    };
    if (!direct) for_each_task(column_panels, pack);
    else if (N % NR) pack(column_panels - 1, 0);
    const bool accumulate = g.accumulate || kb > 0, last = kb == k_blocks - 1;
    for_each_task(row_blocks * column_splits, [&](long task, int thread) {
      const long first = (task / column_splits) * block, end = smaller(first + block, row_panels);
      const long from = (task % column_splits) * column_block, to = smaller(from + column_block, column_panels);
      float* packed_a = scratch(thread, SCRATCH_A, block * rows * larger(1, kc) + NR);
      for (long r = first; !rows_direct && r < end; r++) {
        const long i = r * rows;
        pack_rows(packed_a + (r - first) * rows * kc, g.a + i * g.am + k0 * g.ak, g.am, g.ak, smaller(rows, M - i), kc);
      }
      for (long p = from; p < to; p++)
        for (long r = first; r < end; r++) {
          const long i = r * rows, j = p * NR, high = smaller(rows, M - i);
          const bool plain = direct && j + NR <= N;
          const float* b = plain ? g.b + k0 * g.bk + j : packed_b + p * kc * NR;
          const float* a = rows_direct ? g.a + i * g.am + k0 : packed_a + (r - first) * rows * kc;
          tile_part(high, smaller(NR, N - j), kc, a, rows_direct ? g.am : high, b, plain ? g.bk : NR,
                    g.c + i * g.cs + j, g.cs, accumulate, rows_direct);
        }
      if (last && g.to_finish()) {
        const long i = first * rows, j = from * NR;
        finish(g, i, smaller(end * rows, M) - i, j, larger(0, smaller(to * NR, N) - j));
      }
    });
  }
}

}  // namespace VARIANT
}  // namespace touchstone
