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
  long size, room;  // head size, and padded to BLOCK
};

INLINE void cache_cell(const CachedHead& h, long cell, const float* key, const float* value, long step) {
  float* k = h.keys + cell / BLOCK * BLOCK * h.room + cell % BLOCK;
  for (long d = 0; d < h.size; d++) k[d * BLOCK] = key[d / BLOCK * step + d % BLOCK];
  for (long d = 0; d < h.room; d += VL) store(h.values + cell * h.room + d, load(value + d / BLOCK * step + d % BLOCK));
}

// Floats of scratch for `count` cells.
INLINE long attention_scratch(long room, long count) { return room + padded(count, BLOCK) + 4 * VL; }

// scores[j] = factor * query · key j, for `count` cells and the padding after them.
INLINE void cached_scores(const CachedHead& h, const float* query, float factor, long count, float* scores) {
  constexpr long VECTORS = BLOCK / VL;
  // As many sums side by side as hide the latency of an addition.
  constexpr long BLOCKS = VECTORS >= 4 ? 1 : 4 / VECTORS;
  const long blocks = divide_up(count, BLOCK), room = h.room;
  long b = 0;
  for (; b + BLOCKS <= blocks; b += BLOCKS) {
    vf s[BLOCKS * VECTORS];
    for (long v = 0; v < BLOCKS * VECTORS; v++) s[v] = vf{};
    const float* k = h.keys + b * BLOCK * room;
    for (long d = 0; d < h.size; d++)
      for (long v = 0; v < BLOCKS * VECTORS; v++)
        s[v] += query[d] * load(k + (v / VECTORS * room + d) * BLOCK + v % VECTORS * VL);
    for (long v = 0; v < BLOCKS * VECTORS; v++) store(scores + b * BLOCK + v * VL, s[v] * factor);
  }
  for (; b < blocks; b++) {
    vf s[VECTORS];
    for (long v = 0; v < VECTORS; v++) s[v] = vf{};
    const float* k = h.keys + b * BLOCK * room;
    for (long d = 0; d < h.size; d++)
      for (long v = 0; v < VECTORS; v++) s[v] += query[d] * load(k + d * BLOCK + v * VL);
    for (long v = 0; v < VECTORS; v++) store(scores + b * BLOCK + v * VL, s[v] * factor);
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
  for (; j + 4 <= count; j += 4)
    for (int u = 0; u < 4; u++)
      for (int i = 0; i < V; i++) o[u][i] += scores[j + u] * load(v + (j + u) * h.room + i * VL);
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
