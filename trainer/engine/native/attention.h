// Causal attention, forward and backward, a block of NR queries at a time: no [T,T] matrix is ever whole.
// Scores are kept transposed, [key][query], so that the softmax over keys runs in all lanes at once and the
// probabilities lie as the next product wants to read them.
#pragma once
#include "gemm.h"

namespace touchstone {
namespace VARIANT {

// One row and head, its tensors laid out for the tiles.
struct Head {
  long T, S, D3;                 // cells, head size, floats from one cell of qkv to the next
  long stride;                   // of the transposed keys and values, [S][stride]
  long padded;                   // S rounded up to whole vectors: width of the rows of keys and values
  const float *q, *k, *v;        // within qkv
  const int32_t* segments;       // [T] or null
};

INLINE Head head_of(const AttentionArgs& a, long row, long head) {
  Head h;
  h.T = a.columns;
  h.S = a.size;
  long D = a.heads * a.size;
  h.D3 = 3 * D;
  // 16 more than T: rows a power of two apart would share cache sets.
  h.stride = divide_up(a.columns, NR) * NR + 16;
  h.padded = divide_up(a.size, VL) * VL;
  h.q = a.qkv + row * a.columns * h.D3 + head * a.size;
  h.k = h.q + D;
  h.v = h.k + D;
  h.segments = a.segments ? a.segments + row * a.columns : nullptr;
  return h;
}

// to[d * stride + j] = from[j * step + d]
INLINE void transpose_cells(float* to, long stride, const float* from, long step, long cells, long size) {
  for (long j = 0; j < cells; j++)
    for (long d = 0; d < size; d++) to[d * stride + j] = from[j * step + d];
}

// to[j * padded + d] = from[j * step + d], zeros from size up to padded.
INLINE void pad_cells(float* to, long padded, const float* from, long step, long cells, long size) {
  for (long j = 0; j < cells; j++) {
    for (long d = 0; d < size; d++) to[j * padded + d] = from[j * step + d];
    for (long d = size; d < padded; d++) to[j * padded + d] = 0;
  }
}

// The queries of a block as a panel of B: to[d * NR + q] = scale * from[(first + q) * step + d].
INLINE void query_panel(float* to, const float* from, long step, long queries, long size, float scale) {
  for (long q = 0; q < NR; q++)
    for (long d = 0; d < size; d++) to[d * NR + q] = q < queries ? scale * from[q * step + d] : 0;
}

// products[j * NR + q] for j in [from, to): sum over d of cells[d * stride + j] * panel[d * NR + q].
INLINE void key_by_query(const Head& h, const float* cells, const float* panel, long from, long to, float* products) {
  for (long j = from; j < to; j += MR)
    tile_part((int)smaller(MR, to - j), NR, h.S, cells + j, h.stride, panel, NR, products + j * NR, NR, false);
}

// out[q * step + d] (=, or += if accumulate): sum over keys j in [from, to) of weights[j * NR + q] * cells[j * padded + d].
INLINE void query_by_size(const Head& h, const float* weights, const float* cells, long from, long to, long queries,
                          float* out, long step) {
  const long rows = panel_rows(queries);
  for (long d = 0; d < h.S; d += NR)
    for (long q = 0; q < queries; q += rows)
      tile_part((int)smaller(rows, queries - q), (int)smaller(NR, h.S - d), to - from, weights + from * NR + q, NR,
                cells + from * h.padded + d, h.padded, out + q * step + d, step, false);
}

// Which keys a block of queries must look at, [from, ...], and from which on no mask is needed up to the block itself.
struct Span {
  long from, plain_from, plain_to;
};

INLINE Span span_of(const Head& h, long first, long queries) {
  Span s{0, 0, first};
  if (!h.segments) return s;
  const int32_t* id = h.segments;
  bool one = id[first] != 0;
  for (long q = 1; q < queries; q++) one = one && id[first + q] == id[first];
  s.plain_from = first;
  if (one)
    while (s.plain_from > 0 && id[s.plain_from - 1] == id[first]) s.plain_from--;
  long from = first;
  for (long j = 0; j < first; j++) {
    bool wanted = false;
    for (long q = 0; q < queries && !wanted; q++) wanted = id[j] == id[first + q] && id[j] != 0;
    if (wanted) {
      from = j;
      break;
    }
  }
  s.from = from;
  if (s.plain_from < s.from) s.plain_from = s.from;
  return s;
}

constexpr float HIDDEN = -1e30f;

// Sets the scores that a query must not see to HIDDEN.
INLINE void hide(const Head& h, const Span& span, long first, long queries, long to, float* scores) {
  int32_t cell[NR], own[NR];
  for (long q = 0; q < NR; q++) {
    cell[q] = (int32_t)(first + q);
    own[q] = h.segments && q < queries ? h.segments[first + q] : 1;
  }
  for (long j = span.from; j < to; j++) {
    if (j >= span.plain_from && j < span.plain_to) {
      j = span.plain_to - 1;
      continue;
    }
    const vi key = seti((int32_t)j), segment = seti(h.segments ? h.segments[j] : 1), none = vi{};
    for (int half = 0; half < 2; half++) {
      const vi query = loadi(cell + half * VL), mine = loadi(own + half * VL);
      const vi seen = ((key < query) & (segment == mine) & (mine != none)) | (key == query);
      float* p = scores + j * NR + half * VL;
      store(p, seen ? load(p) : set(HIDDEN));
    }
  }
}

static void attention(const AttentionArgs& a) {
  const float factor = 1.0f / __builtin_sqrtf((float)a.size);
  for_each_task(a.rows * a.heads, [&](long task, int thread) {
    const long row = task / a.heads, head = task % a.heads, D = a.heads * a.size;
    const Head h = head_of(a, row, head);
    float* keys = scratch(thread, SCRATCH_A, h.S * h.stride + h.T * h.padded + h.S * NR);
    float* values = keys + h.S * h.stride;
    float* panel = values + h.T * h.padded;
    float* scores = scratch(thread, SCRATCH_C, (h.T + NR) * NR);
    transpose_cells(keys, h.stride, h.k, h.D3, h.T, h.S);
    pad_cells(values, h.padded, h.v, h.D3, h.T, h.S);
    for (long first = 0; first < h.T; first += NR) {
      const long queries = smaller(NR, h.T - first), to = first + queries;
      const Span span = span_of(h, first, queries);
      query_panel(panel, h.q + first * h.D3, h.D3, queries, h.S, factor);
      key_by_query(h, keys, panel, span.from, to, scores);
      hide(h, span, first, queries, to, scores);
      vf top[2] = {set(HIDDEN), set(HIDDEN)}, total[2] = {vf{}, vf{}};
      for (long j = span.from; j < to; j++)
        for (int half = 0; half < 2; half++) {
          // Written so that a NaN score stays: a > b ? a : b would drop it.
          vf s = load(scores + j * NR + half * VL);
          top[half] = s <= top[half] ? top[half] : s;
        }
      for (long j = span.from; j < to; j++)
        for (int half = 0; half < 2; half++) {
          float* p = scores + j * NR + half * VL;
          vf e = exp(load(p) - top[half]);
          store(p, e);
          total[half] += e;
        }
      float inverse[NR], log_sum[NR], peak[NR];
      for (int half = 0; half < 2; half++) {
        store(inverse + half * VL, 1.0f / total[half]);
        store(log_sum + half * VL, total[half]);
        store(peak + half * VL, top[half]);
      }
      float* out = a.out + (row * a.columns + first) * D + head * a.size;
      query_by_size(h, scores, values, span.from, to, queries, out, D);
      for (long q = 0; q < queries; q++) {
        for (long d = 0; d < h.S; d++) out[q * D + d] *= inverse[q];
        a.log_sums[task * a.columns + first + q] = peak[q] + __builtin_logf(log_sum[q]);
      }
    }
  });
}

// to[q * stride + j] = from[j * NR + q] for j in [start, end).
INLINE void transpose_scores(float* to, long stride, const float* from, long start, long end) {
  for (long j = start; j < end; j++)
    for (long q = 0; q < NR; q++) to[q * stride + j] = from[j * NR + q];
}

// sums[j * padded + d] += sum over q of weights[q * stride + j] * cells[q * padded + d], j in [from, to).
INLINE void add_key_by_size(const Head& h, const float* weights, const float* cells, long from, long to, long queries,
                            float* sums) {
  for (long d = 0; d < h.S; d += NR)
    for (long j = from; j < to; j += MR)
      tile_part((int)smaller(MR, to - j), (int)smaller(NR, h.padded - d), queries, weights + j, h.stride, cells + d,
                h.padded, sums + j * h.padded + d, h.padded, true);
}

// dV = Pᵀ dO; dP = dO Vᵀ; dS = P (dP - Σ_d dO O); dQ = dS K; dK = dSᵀ Q, with P made again from the log sums
// (Dao et al. 2022, section 3.1 and appendix B).
static void attention_gradient(const AttentionGradientArgs& g) {
  const AttentionArgs& a = g.forward;
  const float factor = 1.0f / __builtin_sqrtf((float)a.size);
  for_each_task(a.rows * a.heads, [&](long task, int thread) {
    const long row = task / a.heads, head = task % a.heads, D = a.heads * a.size;
    const Head h = head_of(a, row, head);
    const long cells = h.T * h.padded, turned = h.S * h.stride;
    float* keys_t = scratch(thread, SCRATCH_A, 2 * turned + 3 * cells + 2 * h.S * NR + 2 * NR * h.padded);
    float* values_t = keys_t + turned;
    float* keys = values_t + turned;
    float* dkeys = keys + cells;
    float* dvalues = dkeys + cells;
    float* panel = dvalues + cells;
    float* dpanel = panel + h.S * NR;
    float* queries_padded = dpanel + h.S * NR;
    float* dout_padded = queries_padded + NR * h.padded;
    float* scores = scratch(thread, SCRATCH_C, 2 * (h.T + NR) * NR + NR * h.stride);
    float* dscores = scores + (h.T + NR) * NR;
    float* rows = dscores + (h.T + NR) * NR;
    transpose_cells(keys_t, h.stride, h.k, h.D3, h.T, h.S);
    transpose_cells(values_t, h.stride, h.v, h.D3, h.T, h.S);
    pad_cells(keys, h.padded, h.k, h.D3, h.T, h.S);
    for (long i = 0; i < 2 * cells; i++) dkeys[i] = 0;
    const float* out = a.out + row * a.columns * D + head * a.size;
    const float* dout = g.dout + row * a.columns * D + head * a.size;
    float* dq = g.dqkv + row * a.columns * h.D3 + head * a.size;
    for (long first = 0; first < h.T; first += NR) {
      const long queries = smaller(NR, h.T - first), to = first + queries;
      const Span span = span_of(h, first, queries);
      float log_sum[NR], delta[NR];
      for (long q = 0; q < NR; q++) {
        log_sum[q] = q < queries ? a.log_sums[task * a.columns + first + q] : 0;
        float s = 0;
        if (q < queries)
          for (long d = 0; d < h.S; d++) s += dout[(first + q) * D + d] * out[(first + q) * D + d];
        delta[q] = s;
      }
      query_panel(panel, h.q + first * h.D3, h.D3, queries, h.S, factor);
      query_panel(dpanel, dout + first * D, D, queries, h.S, 1.0f);
      pad_cells(queries_padded, h.padded, h.q + first * h.D3, h.D3, queries, h.S);
      pad_cells(dout_padded, h.padded, dout + first * D, D, queries, h.S);
      key_by_query(h, keys_t, panel, span.from, to, scores);
      hide(h, span, first, queries, to, scores);
      key_by_query(h, values_t, dpanel, span.from, to, dscores);
      for (long j = span.from; j < to; j++)
        for (int half = 0; half < 2; half++) {
          const long at = j * NR + half * VL;
          const vf p = exp(load(scores + at) - load(log_sum + half * VL));
          store(scores + at, p);
          store(dscores + at, factor * p * (load(dscores + at) - load(delta + half * VL)));
        }
      transpose_scores(rows, h.stride, scores, span.from, to);
      add_key_by_size(h, rows, dout_padded, span.from, to, queries, dvalues);
      transpose_scores(rows, h.stride, dscores, span.from, to);
      add_key_by_size(h, rows, queries_padded, span.from, to, queries, dkeys);
      query_by_size(h, dscores, keys, span.from, to, queries, dq + first * h.D3, h.D3);
    }
    for (long j = 0; j < h.T; j++)
      for (long d = 0; d < h.S; d++) {
        dq[j * h.D3 + D + d] = dkeys[j * h.padded + d];
        dq[j * h.D3 + 2 * D + d] = dvalues[j * h.padded + d];
      }
  });
}

// New cells go into the cache first; then each looks at what its row holds. Keys lie as [d][cell], so that a query's
// scores are made for VL cells at once.
static void cached_attention(const CachedAttentionArgs& a) {
  const float factor = 1.0f / __builtin_sqrtf((float)a.size);
  const long S = a.size, D = a.heads * S;
  for_each_task(a.rows * a.heads, [&](long task, int thread) {
    const long row = task / a.heads, head = task % a.heads;
    float* keys = a.keys + task * S * a.capacity;
    float* values = a.values + task * a.capacity * S;
    float* scores = scratch(thread, SCRATCH_C, a.capacity + 4 * VL);
    for (long i = 0; i < a.count; i++) {
      const float* cell = a.qkv + (row * a.count + i) * 3 * D + head * S;
      for (long d = 0; d < S; d++) {
        keys[d * a.capacity + a.length + i] = cell[D + d];
        values[(a.length + i) * S + d] = cell[2 * D + d];
      }
    }
    for (long i = 0; i < a.count; i++) {
      const float* query = a.qkv + (row * a.count + i) * 3 * D + head * S;
      float* out = a.out + (row * a.count + i) * D + head * S;
      const long at = a.length + i, from = smaller(a.start[row], at), count = at + 1 - from;
      if (at < a.start[row]) {
        for (long d = 0; d < S; d++) out[d] = values[at * S + d];
        continue;
      }
      // Vectors reach past the newest cell, into what the caller left free there; those lanes are hidden below.
      const float* k = keys + from;
      long j = 0;
      for (; j < count; j += 4 * VL) {
        vf s[4] = {vf{}, vf{}, vf{}, vf{}};
        const long vectors = smaller(4, divide_up(count - j, VL));
        if (vectors == 4)
          for (long d = 0; d < S; d++)
            for (int v = 0; v < 4; v++) s[v] += query[d] * load(k + j + v * VL + d * a.capacity);
        else
          for (long d = 0; d < S; d++)
            for (int v = 0; v < vectors; v++) s[v] += query[d] * load(k + j + v * VL + d * a.capacity);
        for (int v = 0; v < vectors; v++) store(scores + j + v * VL, s[v] * factor);
      }
      for (long hidden = count; hidden % VL != 0; hidden++) scores[hidden] = -__builtin_inff();
      vf top = set(HIDDEN);
      for (j = 0; j < count; j += VL) {
        const vf s = load(scores + j);
        top = s <= top ? top : s;
      }
      const float peak = max_of(top);
      vf total = vf{};
      for (j = 0; j < count; j += VL) {
        const vf e = exp(load(scores + j) - peak);
        store(scores + j, e);
        total += e;
      }
      const float inverse = 1.0f / sum(total);
      for (long d = 0; d < S; d += VL) {
        const long n = smaller(VL, S - d);
        // Four sums side by side: one alone would wait for each addition.
        vf o[4] = {vf{}, vf{}, vf{}, vf{}};
        const float* v = values + from * S + d;
        j = 0;
        if (n == VL)
          for (; j + 4 <= count; j += 4)
            for (int u = 0; u < 4; u++) o[u] += scores[j + u] * load(v + (j + u) * S);
        for (; j < count; j++) o[0] += scores[j] * (n == VL ? load(v + j * S) : load_part(v + j * S, n, 0));
        const vf mean = inverse * ((o[0] + o[1]) + (o[2] + o[3]));
        if (n == VL) store(out + d, mean);
        else store_part(out + d, mean, n);
      }
    }
  });
}

}  // namespace VARIANT
}  // namespace touchstone
