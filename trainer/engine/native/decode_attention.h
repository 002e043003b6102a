// Attention of one new cell over its row's cache, for G heads of queries that share a head of keys and values at once:
// what is read of the cache is read for all of them. Keys lie as [cells / BLOCK][head_room][BLOCK]: scores are made for a
// block of cells at once, and a new key touches one stretch of memory. Values lie as [cells][head_room].
#pragma once
#include "decoder.h"
#include "vector.h"

namespace touchstone {
namespace VARIANT {

// One head of one row in one layer.
struct CachedHead {
  float *keys, *values;
  const float* next;  // the keys of the head after it
  long size, room;    // head size, and padded to BLOCK
};

INLINE void cache_cell(const CachedHead& h, long cell, const float* key, const float* value, long step) {
  float* k = h.keys + cell / BLOCK * BLOCK * h.room + cell % BLOCK;
  for (long d = 0; d < h.room; d++) k[d * BLOCK] = key[d / BLOCK * step + d % BLOCK];
  for (long d = 0; d < h.room; d += VL) store(h.values + cell * h.room + d, load(value + d / BLOCK * step + d % BLOCK));
}

// The most heads of queries at once: their sums must fit the registers.
constexpr int MOST_QUERIES = VL == 4 ? 2 : 4;

// Floats of scratch for `count` cells.
INLINE long attention_scratch(long room, long count) { return MOST_QUERIES * (room + padded(count, BLOCK)) + 4 * VL; }

// The cache of a row is read once a step and mostly lies beyond the second-level cache: what comes next is asked for early.
INLINE void prefetch(const float* p, long floats) {
  for (long i = 0; i < floats; i += BLOCK) __builtin_prefetch(p + i);
}

// scores[g][j] = factor * query g · key j, for `count` cells and the rest of their last block; `line` floats a query of
// scores.
template <int G>
INLINE void cached_scores(const CachedHead& h, const float* queries, float factor, long count, float* scores, long line) {
  constexpr int VECTORS = BLOCK / VL;
  // Sums side by side, so that one does not wait for the other.
  constexpr int WANTED = VECTORS < 4 ? 4 : 2;
  constexpr int CHAINS = G >= WANTED ? 1 : WANTED / G;
  for (long j = 0; j < count; j += BLOCK) {
    const float* k = h.keys + j * h.room;
    prefetch(h.values + j * h.room, BLOCK * h.room);
    vf s[G][CHAINS][VECTORS];
#pragma GCC unroll 4
    for (int g = 0; g < G; g++)
#pragma GCC unroll 4
      for (int c = 0; c < CHAINS; c++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) s[g][c][v] = vf{};
    // Padding of the query is 0, and of the keys finite.
    for (long d = 0; d < h.room; d += CHAINS)
#pragma GCC unroll 4
      for (int c = 0; c < CHAINS; c++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) {
          const vf key = load(k + (d + c) * BLOCK + v * VL);
#pragma GCC unroll 4
          for (int g = 0; g < G; g++) s[g][c][v] += queries[g * h.room + d + c] * key;
        }
#pragma GCC unroll 4
    for (int g = 0; g < G; g++)
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; v++) {
        vf total = s[g][0][v];
        if (CHAINS >= 2) total += s[g][1 % CHAINS][v];
        if (CHAINS == 4) total += s[g][2 % CHAINS][v] + s[g][3 % CHAINS][v];
        store(scores + g * line + j + v * VL, total * factor);
      }
  }
}

// out[g] = inverse[g] * sum over cells of scores[g][j] * value j, V vectors from `d` on; outputs `apart` floats apart.
template <int G, int V>
INLINE void weigh_values(const CachedHead& h, const float* scores, long line, const float* inverse, long count, long d,
                         float* out, long step, long apart) {
  constexpr int CHAINS = 4 / G;
  vf o[G][CHAINS][V];
#pragma GCC unroll 4
  for (int g = 0; g < G; g++)
    for (int u = 0; u < CHAINS; u++)
      for (int i = 0; i < V; i++) o[g][u][i] = vf{};
  const float* v = h.values + d;
  long j = 0;
  for (; j + CHAINS <= count; j += CHAINS) {
    if (d == 0) prefetch(h.next + j * h.room, CHAINS * h.room);
#pragma GCC unroll 4
    for (int u = 0; u < CHAINS; u++)
#pragma GCC unroll 2
      for (int i = 0; i < V; i++) {
        const vf value = load(v + (j + u) * h.room + i * VL);
#pragma GCC unroll 4
        for (int g = 0; g < G; g++) o[g][u][i] += scores[g * line + j + u] * value;
      }
  }
  for (; j < count; j++)
    for (int i = 0; i < V; i++)
      for (int g = 0; g < G; g++) o[g][0][i] += scores[g * line + j] * load(v + j * h.room + i * VL);
  for (int g = 0; g < G; g++)
    for (int i = 0; i < V; i++) {
      const long at = d + i * VL;
      vf total = o[g][0][i];
      if (CHAINS >= 2) total += o[g][1 % CHAINS][i];
      if (CHAINS == 4) total += o[g][2 % CHAINS][i] + o[g][3 % CHAINS][i];
      store(out + g * apart + at / BLOCK * step + at % BLOCK, inverse[g] * total);
    }
}

// Attention of G heads of queries over the first `count` cells; queries and outputs are in blocks `step` floats apart, and
// `apart` floats from head to head.
template <int G>
INLINE void attend_cached(const CachedHead& h, const float* query, long count, float* out, long step, long apart,
                          float* room) {
  const float factor = 1.0f / __builtin_sqrtf((float)h.size);
  const long line = padded(count, BLOCK);
  float* scores = room + G * h.room;
  for (int g = 0; g < G; g++)
    for (long d = 0; d < h.room; d += VL)
      store(room + g * h.room + d, load(query + g * apart + d / BLOCK * step + d % BLOCK));
  cached_scores<G>(h, room, factor, count, scores, line);
  float inverse[G];
  for (int g = 0; g < G; g++) {
    float* own = scores + g * line;
    // The last block reaches past the newest cell, into what was there before.
    for (long hidden = count; hidden % BLOCK != 0; hidden++) own[hidden] = -__builtin_inff();
    vf top = set(-1e30f);
    for (long j = 0; j < count; j += VL) {
      // Written so that a NaN score stays: a > b ? a : b would drop it.
      const vf s = load(own + j);
      top = s <= top ? top : s;
    }
    const float peak = max_of(top);
    vf total = vf{};
    for (long j = 0; j < count; j += VL) {
      const vf e = exp(load(own + j) - peak);
      store(own + j, e);
      total += e;
    }
    inverse[g] = 1.0f / sum(total);
  }
  long d = 0;
  for (; d + 2 * VL <= h.room; d += 2 * VL) weigh_values<G, 2>(h, scores, line, inverse, count, d, out, step, apart);
  for (; d < h.room; d += VL) weigh_values<G, 1>(h, scores, line, inverse, count, d, out, step, apart);
}

}  // namespace VARIANT
}  // namespace touchstone
