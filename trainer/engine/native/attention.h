// Causal attention, forward and backward, a block of NR queries at a time: no [T,T] matrix is ever whole.
// Scores are kept transposed, [key][query], so that the softmax over keys runs in all lanes at once and the
// probabilities lie as the next product wants to read them.
#pragma once
#include "gemm.h"

namespace touchstone {
namespace VARIANT {

// One row and head within qkv.
struct Head {
  long T, S, D3;               // cells, head size, floats from one cell of qkv to the next
  long padded;                 // S rounded up to whole vectors
  const float *q, *k, *v;
  const int32_t* segments;     // [T] or null
};

// Heads of queries that share one of keys and values.
INLINE long group_of(const AttentionArgs& a) { return a.heads / a.kv_heads; }

INLINE Head head_of(const AttentionArgs& a, long row, long head) {
  Head h;
  h.T = a.columns;
  h.S = a.size;
  h.D3 = a.channels();
  h.padded = divide_up(a.size, VL) * VL;
  h.q = a.qkv + row * a.columns * h.D3 + head * a.size;
  h.k = a.qkv + row * a.columns * h.D3 + (a.heads + head / group_of(a)) * a.size;
  h.v = h.k + a.kv_heads * a.size;
  h.segments = a.segments ? a.segments + row * a.columns : nullptr;
  return h;
}

// Rows of `size` floats, `step` apart, that may be read in whole vectors.
struct Cells {
  const float* data;
  long step;
};

// Where heads are whole vectors the cells are read in place; else they are copied, with zeros from size up to padded.
INLINE Cells whole_vectors(float* to, const float* from, long step, long cells, const Head& h) {
  if (h.S == h.padded) return {from, step};
  for (long j = 0; j < cells; j++) {
    for (long d = 0; d < h.S; d++) to[j * h.padded + d] = from[j * step + d];
    for (long d = h.S; d < h.padded; d++) to[j * h.padded + d] = 0;
  }
  return {to, h.padded};
}

// The queries of a block as a panel of B: to[d * NR + q] = scale * from[q * step + d].
INLINE void query_panel(float* to, const float* from, long step, long queries, long size, float scale) {
  for (long q = 0; q < NR; q++)
    for (long d = 0; d < size; d++) to[d * NR + q] = q < queries ? scale * from[q * step + d] : 0;
}

// products[j * NR + q] for j in [from, to): sum over d of cells[j * D3 + d] * panel[d * NR + q].
INLINE void key_by_query(const Head& h, const float* cells, const float* panel, long from, long to, float* products) {
  const long rows = panel_rows(to - from);
  for (long j = from; j < to; j += rows)
    tile_part((int)smaller(rows, to - j), NR, h.S, cells + j * h.D3, h.D3, panel, NR, products + j * NR, NR, false, true);
}

// out[q * step + d] = sum over keys j in [from, to) of weights[j * NR + q] * cells[j][d].
INLINE void query_by_size(const Head& h, const float* weights, const Cells& cells, long from, long to, long queries,
                          float* out, long step) {
  const long rows = panel_rows(queries);
  for (long d = 0; d < h.S; d += NR)
    for (long q = 0; q < queries; q += rows)
      tile_part((int)smaller(rows, queries - q), (int)smaller(NR, h.S - d), to - from, weights + from * NR + q, NR,
                cells.data + from * cells.step + d, cells.step, out + q * step + d, step, false);
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
    float* panel = scratch(thread, SCRATCH_A, h.S * NR + h.T * h.padded);
    float* scores = scratch(thread, SCRATCH_C, h.T * NR);
    const Cells values = whole_vectors(panel + h.S * NR, h.v, h.D3, h.T, h);
    for (long first = 0; first < h.T; first += NR) {
      const long queries = smaller(NR, h.T - first), to = first + queries;
      const Span span = span_of(h, first, queries);
      query_panel(panel, h.q + first * h.D3, h.D3, queries, h.S, factor);
      key_by_query(h, h.k, panel, span.from, to, scores);
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

// sums[j * D3 + d] += sum over q of weights[j * NR + q] * cells[q][d], j in [from, to).
INLINE void add_key_by_size(const Head& h, const float* weights, const Cells& cells, long from, long to, long queries,
                            float* sums) {
  const long rows = panel_rows(to - from);
  for (long d = 0; d < h.S; d += NR)
    for (long j = from; j < to; j += rows)
      tile_part((int)smaller(rows, to - j), (int)smaller(NR, h.S - d), queries, weights + j * NR, NR, cells.data + d,
                cells.step, sums + j * h.D3 + d, h.D3, true, true);
}

// dV = Pᵀ dO; dP = dO Vᵀ; dS = P (dP - Σ_d dO O); dQ = dS K; dK = dSᵀ Q, with P made again from the log sums
// (Dao et al. 2022, section 3.1 and appendix B).
static void attention_gradient(const AttentionGradientArgs& g) {
  const AttentionArgs& a = g.forward;
  const float factor = 1.0f / __builtin_sqrtf((float)a.size);
  // Heads of queries that share keys and values add to the same gradients: one task does them all, in order.
  const long group = group_of(a);
  for_each_task(a.rows * a.kv_heads, [&](long task, int thread) {
    const long row = task / a.kv_heads, kv_head = task % a.kv_heads, D = a.heads * a.size;
    for (long head = kv_head * group; head < (kv_head + 1) * group; head++) {
      const Head h = head_of(a, row, head);
      float* panel = scratch(thread, SCRATCH_A, 2 * h.S * NR + 3 * h.T * h.padded);
      float* dpanel = panel + h.S * NR;
      float* padded = dpanel + h.S * NR;
      float* scores = scratch(thread, SCRATCH_C, 2 * h.T * NR);
      float* dscores = scores + h.T * NR;
      const float* out = a.out + row * a.columns * D + head * a.size;
      const float* dout = g.dout + row * a.columns * D + head * a.size;
      const float* log_sums = a.log_sums + (row * a.heads + head) * a.columns;
      float* dq = g.dqkv + row * a.columns * h.D3 + head * a.size;
      float* dk = g.dqkv + row * a.columns * h.D3 + (a.heads + kv_head) * a.size;
      float* dv = dk + a.kv_heads * a.size;
      const Cells keys = whole_vectors(padded, h.k, h.D3, h.T, h);
      const Cells queries_of = whole_vectors(padded + h.T * h.padded, h.q, h.D3, h.T, h);
      const Cells douts = whole_vectors(padded + 2 * h.T * h.padded, dout, D, h.T, h);
      if (head == kv_head * group)
        for (long j = 0; j < h.T; j++)
          for (long d = 0; d < h.S; d++) dk[j * h.D3 + d] = dv[j * h.D3 + d] = 0;
      for (long first = 0; first < h.T; first += NR) {
        const long queries = smaller(NR, h.T - first), to = first + queries;
        const Span span = span_of(h, first, queries);
        float log_sum[NR], delta[NR];
        for (long q = 0; q < NR; q++) {
          log_sum[q] = q < queries ? log_sums[first + q] : 0;
          float s = 0;
          if (q < queries)
            for (long d = 0; d < h.S; d++) s += dout[(first + q) * D + d] * out[(first + q) * D + d];
          delta[q] = s;
        }
        query_panel(panel, h.q + first * h.D3, h.D3, queries, h.S, factor);
        query_panel(dpanel, dout + first * D, D, queries, h.S, 1.0f);
        key_by_query(h, h.k, panel, span.from, to, scores);
        hide(h, span, first, queries, to, scores);
        key_by_query(h, h.v, dpanel, span.from, to, dscores);
        for (long j = span.from; j < to; j++)
          for (int half = 0; half < 2; half++) {
            const long at = j * NR + half * VL;
            const vf p = exp(load(scores + at) - load(log_sum + half * VL));
            store(scores + at, p);
            store(dscores + at, factor * p * (load(dscores + at) - load(delta + half * VL)));
          }
        const Cells block_douts{douts.data + first * douts.step, douts.step};
        const Cells block_queries{queries_of.data + first * queries_of.step, queries_of.step};
        add_key_by_size(h, scores, block_douts, span.from, to, queries, dv);
        add_key_by_size(h, dscores, block_queries, span.from, to, queries, dk);
        query_by_size(h, dscores, keys, span.from, to, queries, dq + first * h.D3, h.D3);
      }
    }
  });
}

// New cells go into the cache first; then each looks at what its row holds. Keys lie as [d][cell], so that a query's
// scores are made for VL cells at once.
static void cached_attention(const CachedAttentionArgs& a) {
  const float factor = 1.0f / __builtin_sqrtf((float)a.size);
  const long S = a.size, D = a.heads * S, channels = D + 2 * a.kv_heads * S, group = a.heads / a.kv_heads;
  for_each_task(a.rows * a.kv_heads, [&](long task, int thread) {
    const long row = task / a.kv_heads, kv_head = task % a.kv_heads;
    float* keys = a.keys + task * S * a.capacity;
    float* values = a.values + task * a.capacity * S;
    float* scores = scratch(thread, SCRATCH_C, a.capacity + 4 * VL);
    for (long i = 0; i < a.count; i++) {
      const float* key = a.qkv + (row * a.count + i) * channels + D + kv_head * S;
      const float* value = key + a.kv_heads * S;
      for (long d = 0; d < S; d++) {
        keys[d * a.capacity + a.length + i] = key[d];
        values[(a.length + i) * S + d] = value[d];
      }
    }
    for (long query_of = 0; query_of < a.count * group; query_of++) {
      const long i = query_of / group, head = kv_head * group + query_of % group;
      const float* query = a.qkv + (row * a.count + i) * channels + head * S;
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
