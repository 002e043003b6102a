// Linear layers over a few dozen cells. Activations lie as [width / BLOCK][cells][BLOCK]: a cell's block is a vector for
// whatever goes cell by cell, and the register tile reads the same block of its rows at fixed distances, unpacked.
// Every output is one sum over the inputs in their order: its bits depend neither on the cells beside it nor on threads.
#pragma once
#include "decoder.h"
#include "vector.h"

namespace touchstone {
namespace VARIANT {

// A packed matrix and its bias, null for none; sizes padded, in floats.
struct Linear {
  const float *weight, *bias;
  long inputs, outputs;
};

// FINISH_SWIGLU: vectors of gates and of what they let through take turns, and half as many come out, SiLU(gate) * up.
enum Finish { FINISH_STORE, FINISH_GELU, FINISH_ADD, FINISH_SWIGLU };

// R cells by V vectors of outputs from `output` on. `cells` is the number of cells between blocks of x and y.
template <int R, int V>
static void linear_tile(const Linear& l, const float* x, float* y, long cells, long output, Finish finish) {
  vf sums[R][V];
#pragma GCC unroll 16
  for (int i = 0; i < R; i++)
#pragma GCC unroll 8
    for (int v = 0; v < V; v++) sums[i][v] = vf{};
  const float* w = l.weight + output * l.inputs;
  const long panel = l.inputs * NR;
  for (long block = 0; block < l.inputs; block += BLOCK) {
    for (long k = 0; k < BLOCK; k++) {
      vf column[V];
      // A prefetch by the processor ends with its page of memory; this one goes on.
      if (V == 2)
        for (int v = 0; v < V; v += BLOCK / VL) __builtin_prefetch(w + 32 * NR + v * VL);
#pragma GCC unroll 8
      for (int v = 0; v < V; v++) column[v] = load(w + (v / 2) * panel + (v % 2) * VL);
#pragma GCC unroll 16
      for (int i = 0; i < R; i++)
#pragma GCC unroll 8
        for (int v = 0; v < V; v++) sums[i][v] += x[i * BLOCK + k] * column[v];
      w += NR;
    }
    x += cells * BLOCK;
  }
  if (finish == FINISH_SWIGLU) {
    for (int v = 0; v < V; v += 2) {
      const long at = (output + v * VL) / 2;
      float* to = y + at / BLOCK * cells * BLOCK + at % BLOCK;
      for (int i = 0; i < R; i++) store(to + i * BLOCK, sums[i][v] * sigmoid(sums[i][v]) * sums[i][v + 1]);
    }
    return;
  }
#pragma GCC unroll 8
  for (int v = 0; v < V; v++) {
    const long at = output + v * VL;
    float* to = y + at / BLOCK * cells * BLOCK + at % BLOCK;
    const vf bias = l.bias ? load(l.bias + at) : vf{};
#pragma GCC unroll 16
    for (int i = 0; i < R; i++) {
      float* p = to + i * BLOCK;
      store(p, finish == FINISH_ADD ? load(p) + (sums[i][v] + bias) : sums[i][v] + bias);
    }
    if (finish == FINISH_GELU)
      for (int i = 0; i < R; i++) store(to + i * BLOCK, gelu(load(to + i * BLOCK)));
  }
}

typedef void (*LinearTile)(const Linear&, const float*, float*, long, long, Finish);

// Vectors of outputs that a tile of few rows takes at once, so that its sums do not wait for each other.
template <int R>
constexpr int WIDE = R == 1 ? 8 : R < 4 ? 4 : 2;

template <int R>
struct LinearTiles {
  static LinearTile find(int rows, bool wide) {
    if (rows == R) return wide ? linear_tile<R, WIDE<R>> : linear_tile<R, 2>;
    return LinearTiles<R - 1>::find(rows, wide);
  }
};
template <>
struct LinearTiles<0> {
  static LinearTile find(int, bool) { return nullptr; }
};

// Outputs that a tile of so many cells takes at once.
INLINE long tile_outputs(long cells) { return (cells == 1 ? WIDE<1> : cells < 4 ? WIDE<2> : 2) * VL; }

// y (=, or += for FINISH_ADD) x · weight + bias for outputs [from, to), both multiples of NR.
static void linear_outputs(const Linear& l, const float* x, float* y, long cells, Finish finish, long from, long to) {
  const long rows = divide_up(cells, divide_up(cells, MR)), most = tile_outputs(cells);
  for (long output = from; output < to;) {
    const bool wide = most > NR && output + most <= to;
    for (long first = 0; first < cells; first += rows) {
      const LinearTile tile = LinearTiles<MR>::find((int)smaller(rows, cells - first), wide);
      tile(l, x + first * BLOCK, y + first * BLOCK, cells, output, finish);
    }
    output += wide ? most : NR;
  }
}

// Inputs or outputs of a matrix in its file: groups of `size`, each padded to `room`.
struct Axis {
  long groups, size, room;

  // Where padded element `i` lies in the file, or -1 for padding.
  long source(long i) const {
    const long group = i / room, within = i % room;
    return group < groups && within < size ? group * size + within : -1;
  }
};

// A column that a call to pack_matrix leaves alone.
constexpr long OTHERS = -2;

// Packs from[input * input_step + output * output_step] into panels. source(column) says which output of the file a
// column of the panels is, -1 for padding, OTHERS for a column that is not of this tensor.
template <class Source>
static void pack_matrix(float* to, const float* from, const Axis& in, long inputs, long outputs, long input_step,
                        long output_step, const Source& source) {
  for_each_task(outputs / NR, [&](long panel, int) {
    float* p = to + panel * NR * inputs;
    long own = 0;
    for (long j = 0; j < NR; j++) own += source(panel * NR + j) != OTHERS;
    if (own == NR) __builtin_memset(p, 0, NR * inputs * sizeof(float));
    else
      for (long j = 0; j < NR && own > 0; j++)
        if (source(panel * NR + j) != OTHERS)
          for (long i = 0; i < inputs; i++) p[i * NR + j] = 0;
    for (long j = 0; j < NR; j++) {
      const long column = source(panel * NR + j);
      if (column < 0) continue;
      // Neighbours in the file that stay neighbours are copied together.
      long run = 1;
      if (output_step == 1)
        while (j + run < NR && source(panel * NR + j + run) == column + run) run++;
      for (long group = 0; group < in.groups; group++) {
        const float* place_in_file = from + group * in.size * input_step + column * output_step;
        float* place = p + group * in.room * NR + j;
        if (run == NR)
          for (long i = 0; i < in.size; i++)
            __builtin_memcpy(place + i * NR, place_in_file + i * input_step, NR * sizeof(float));
        else
          for (long i = 0; i < in.size; i++)
            for (long r = 0; r < run; r++) place[i * NR + r] = place_in_file[i * input_step + r * output_step];
      }
      j += run - 1;
    }
  });
}

static void pack_vector(float* to, const float* from, const Axis& axis, long width) {
  for (long i = 0; i < width; i++) {
    const long at = axis.source(i);
    to[i] = at < 0 ? 0 : from[at];
  }
}

}  // namespace VARIANT
}  // namespace touchstone
