// Attention of one new cell over its row's cache. Keys lie as [cells / BLOCK][head_room][BLOCK]: scores are made for a
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

// Floats of scratch for `count` cells.
INLINE long attention_scratch(long room, long count) { return room + padded(count, BLOCK) + 4 * VL; }

// The cache of a row is read once a step and mostly lies beyond the second-level cache: what comes next is asked for early.
INLINE void prefetch(const float* p, long floats) {
  for (long i = 0; i < floats; i += BLOCK) __builtin_prefetch(p + i);
}

// scores[j] = factor * query · key j, for `count` cells and the rest of their last block.
INLINE void cached_scores(const CachedHead& h, const float* query, float factor, long count, float* scores) {
  constexpr int VECTORS = BLOCK / VL;
  // Sums side by side, so that one does not wait for the other.
  constexpr int CHAINS = VECTORS < 4 ? 4 : 2;
  for (long j = 0; j < count; j += BLOCK) {
    const float* k = h.keys + j * h.room;
    prefetch(h.values + j * h.room, BLOCK * h.room);
    vf s[CHAINS][VECTORS];
#pragma GCC unroll 4
    for (int c = 0; c < CHAINS; c++)
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; v++) s[c][v] = vf{};
    // Padding of the query is 0, and of the keys finite.
    for (long d = 0; d < h.room; d += CHAINS)
#pragma GCC unroll 4
      for (int c = 0; c < CHAINS; c++)
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; v++) s[c][v] += query[d + c] * load(k + (d + c) * BLOCK + v * VL);
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; v++) {
      vf total = s[0][v] + s[1][v];
      if (CHAINS == 4) total += s[2 % CHAINS][v] + s[3 % CHAINS][v];
      store(scores + j + v * VL, total * factor);
    }
  }
}

// out = inverse * sum over cells of scores[j] * value j, V vectors from `d` on.
template <int V>
INLINE void weigh_values(const CachedHead& h, const float* scores, float inverse, long count, long d, float* out,
                         long step) {
  vf o[4][V];
  for (int u = 0; u < 4; u++)
    for (int i = 0; i < V; i++) o[u][i] = vf{};
  const float* v = h.values + d;
  long j = 0;
  for (; j + 4 <= count; j += 4) {
    if (d == 0) prefetch(h.next + j * h.room, 4 * h.room);
    for (int u = 0; u < 4; u++)
      for (int i = 0; i < V; i++) o[u][i] += scores[j + u] * load(v + (j + u) * h.room + i * VL);
  }
  for (; j < count; j++)
    for (int i = 0; i < V; i++) o[0][i] += scores[j] * load(v + j * h.room + i * VL);
  for (int i = 0; i < V; i++) {
    const long at = d + i * VL;
    store(out + at / BLOCK * step + at % BLOCK, inverse * ((o[0][i] + o[1][i]) + (o[2][i] + o[3][i])));
  }
}

// Attention over the first `count` cells; query and out are in blocks `step` floats apart.
INLINE void attend_cached(const CachedHead& h, const float* query, long count, float* out, long step, float* room) {
  const float factor = 1.0f / __builtin_sqrtf((float)h.size);
  float* scores = room + h.room;
  for (long d = 0; d < h.room; d += VL) store(room + d, load(query + d / BLOCK * step + d % BLOCK));
  cached_scores(h, room, factor, count, scores);
  // The last block reaches past the newest cell, into what was there before.
  for (long hidden = count; hidden % BLOCK != 0; hidden++) scores[hidden] = -__builtin_inff();
  vf top = set(-1e30f);
  for (long j = 0; j < count; j += VL) {
    // Written so that a NaN score stays: a > b ? a : b would drop it.
    const vf s = load(scores + j);
    top = s <= top ? top : s;
  }
  const float peak = max_of(top);
  vf total = vf{};
  for (long j = 0; j < count; j += VL) {
    const vf e = exp(load(scores + j) - peak);
    store(scores + j, e);
    total += e;
  }
  const float inverse = 1.0f / sum(total);
  long d = 0;
  for (; d + 2 * VL <= h.room; d += 2 * VL) weigh_values<2>(h, scores, inverse, count, d, out, step);
  for (; d < h.room; d += VL) weigh_values<1>(h, scores, inverse, count, d, out, step);
}

}  // namespace VARIANT
}  // namespace touchstone
