// The model as the decoder computes it: a pass's cells through embedding, blocks and norms.
#pragma once
#include "decode_attention.h"
#include "decode_linear.h"
#include "kernels.h"
#include "rows.h"

namespace touchstone {
namespace VARIANT {

// A cell of a pass.
struct Cell {
  int32_t slot, row, position, token;
  bool last;  // the row's newest: its next token is drawn
};

// The activations of a pass, [width / BLOCK][cells][BLOCK] each.
struct Activations {
  float *x, *normed, *wide, *heads, *logits, *line;
};

struct Decoder {
  const DecodeArgs& args;
  const DecoderLayout layout;
  const int thread;     // whose scratch memory it uses
  const bool together;  // the other threads may share the work of this one
  Activations to;
  Cell cells[PASS_CELLS];
  long count;
};

INLINE float* block_of(float* base, long block, long cells, long cell) { return base + (block * cells + cell) * BLOCK; }

static void linear(const Decoder& d, const Linear& l, const float* x, float* y, Finish finish) {
  // Arithmetic for eight cells takes about as long as reading the weights.
  if (!d.together || l.inputs * l.outputs * (8 + d.count) / 8 < SHARED_FLOATS) {
    linear_outputs(l, x, y, d.count, finish, 0, l.outputs);
    return;
  }
  const long unit = tile_outputs(d.count), units = divide_up(l.outputs, unit);
  const long shares = smaller(units, 2 * thread_count()), share = divide_up(units, shares) * unit;
  for_each_task(divide_up(l.outputs, share), [&](long task, int) {
    linear_outputs(l, x, y, d.count, finish, task * share, smaller(l.outputs, (task + 1) * share));
  });
}

// normed = layer norm of x, or its RMS norm (Zhang and Sennrich 2019) in a Llama. Gain and bias lie one after the other.
static void normalise(const Decoder& d, const float* gain) {
  const bool centred = d.args.shape.family == GPT2;
  const long width = d.args.shape.width, step = d.count * BLOCK;
  const float* bias = gain + d.layout.width;
  for (long cell = 0; cell < d.count; cell++) {
    const float* in = d.to.x + cell * BLOCK;
    float* out = d.to.normed + cell * BLOCK;
    const auto place = [step](long j) { return j / BLOCK * step + j % BLOCK; };
    vf total = vf{}, squares = vf{};
    // Padding of x is 0.
    if (centred)
      for (long j = 0; j < width; j += VL) total += load(in + place(j));
    const float mean = sum(total) / width;
    for_each_vector(width, [&](long j, long n) {
      const vf e = keep_some(load(in + place(j)) - mean, n);
      squares += e * e;
    });
    const float scale = 1.0f / __builtin_sqrtf(sum(squares) / width + d.args.epsilon);
    for (long j = 0; j < d.layout.width; j += VL)
      store(out + place(j), (load(in + place(j)) - mean) * scale * load(gain + j) + (centred ? load(bias + j) : vf{}));
  }
}

// A head of keys and values.
INLINE CachedHead head_at(const Decoder& d, long layer, long slot, long head) {
  const DecoderShape& s = d.args.shape;
  const long floats = s.cached_row(d.args.capacity), each = floats / (2 * s.kv_heads);
  float* row = d.args.cache + (layer * d.args.slots + slot) * floats;
  float* keys = row + 2 * head * each;
  return CachedHead{keys, keys + each, keys + 2 * each, s.head_size, s.head_room()};
}

static void cache_cells(const Decoder& d, long layer) {
  const DecoderShape& s = d.args.shape;
  const long blocks = s.head_room() / BLOCK, step = d.count * BLOCK;
  for (long cell = 0; cell < d.count; cell++)
    for (long head = 0; head < s.kv_heads; head++) {
      const float* key = block_of(d.to.wide, (s.heads + head) * blocks, d.count, cell);
      const float* value = block_of(d.to.wide, (s.heads + s.kv_heads + head) * blocks, d.count, cell);
      cache_cell(head_at(d, layer, d.cells[cell].slot, head), d.cells[cell].position, key, value, step);
    }
}

static void attend(const Decoder& d, long layer) {
  const DecoderShape& s = d.args.shape;
  const long blocks = s.head_room() / BLOCK, step = d.count * BLOCK, apart = blocks * step;
  // So many heads of queries in a row share one of keys and values (Ainslie et al. 2023).
  const long group = s.heads / s.kv_heads;
  const auto one = [&](long task, int thread) {
    const long cell = task / s.kv_heads, kv = task % s.kv_heads, count = d.cells[cell].position + 1;
    const CachedHead cached = head_at(d, layer, d.cells[cell].slot, kv);
    float* room = scratch(thread, SCRATCH_C, attention_scratch(cached.room, count));
    for (long g = 0; g < group;) {
      const float* query = block_of(d.to.wide, (kv * group + g) * blocks, d.count, cell);
      float* out = block_of(d.to.heads, (kv * group + g) * blocks, d.count, cell);
      if (MOST_QUERIES >= 4 && group - g >= 4) {
        attend_cached<MOST_QUERIES>(cached, query, count, out, step, apart, room);
        g += MOST_QUERIES;
      } else if (group - g >= 2) {
        attend_cached<2>(cached, query, count, out, step, apart, room);
        g += 2;
      } else {
        attend_cached<1>(cached, query, count, out, step, apart, room);
        g += 1;
      }
    }
  };
  long read = 0;
  for (long cell = 0; cell < d.count; cell++) read += 2 * (d.cells[cell].position + 1) * s.heads * blocks * BLOCK;
  if (d.together && read >= SHARED_FLOATS) for_each_task(d.count * s.kv_heads, one);
  else
    for (long task = 0; task < d.count * s.kv_heads; task++) one(task, d.thread);
}

// Keeps the newest cell of each row alone: nothing after the last layer's keys and values looks at the others.
static void keep_last(Decoder& d) {
  const long before = d.count;
  long kept = 0;
  for (long cell = 0; cell < before; cell++) kept += d.cells[cell].last;
  if (kept == before) return;
  const auto compact = [&](float* base, long width) {
    for (long block = 0; block < width / BLOCK; block++) {
      long to = 0;
      for (long cell = 0; cell < before; cell++)
        if (d.cells[cell].last)
          __builtin_memmove(block_of(base, block, kept, to++), block_of(base, block, before, cell), BLOCK * sizeof(float));
    }
  };
  compact(d.to.x, d.layout.width);
  compact(d.to.wide, d.layout.heads_width);
  long to = 0;
  for (long cell = 0; cell < before; cell++)
    if (d.cells[cell].last) d.cells[to++] = d.cells[cell];
  d.count = kept;
}

// Turns queries and keys by their cell's position (Su et al. 2021): element i of a head and the one half a head further
// are a point in the plane, as Hugging Face's files have them.
static void rotate(const Decoder& d) {
  const DecoderShape& s = d.args.shape;
  const long half = s.head_size / 2, blocks = s.head_room() / BLOCK, step = d.count * BLOCK;
  for (long cell = 0; cell < d.count; cell++) {
    const float* cosines = d.args.rotary + d.cells[cell].position * s.head_size;
    const float* sines = cosines + half;
    for (long head = 0; head < s.heads + s.kv_heads; head++) {
      float* x = block_of(d.to.wide, head * blocks, d.count, cell);
      const auto place = [x, step](long j) { return x + j / BLOCK * step + j % BLOCK; };
      long i = 0;
      if (half % VL == 0)
        for (; i < half; i += VL) {
          const vf a = load(place(i)), b = load(place(i + half)), c = load(cosines + i), t = load(sines + i);
          store(place(i), a * c - b * t);
          store(place(i + half), b * c + a * t);
        }
      for (; i < half; i++) {
        const float a = *place(i), b = *place(i + half);
        *place(i) = a * cosines[i] - b * sines[i];
        *place(i + half) = b * cosines[i] + a * sines[i];
      }
    }
  }
}

// One block of a GPT-2: pre-norm attention, then a pre-norm feed-forward layer with GELU.
static void gpt2_block(Decoder& d, long layer) {
  const DecoderLayout& l = d.layout;
  const float* w = d.args.weights + l.first_layer + layer * l.layer;
  normalise(d, w + l.norm1);
  linear(d, Linear{w + l.attention, w + l.attention_bias, l.width, l.qkv}, d.to.normed, d.to.wide, FINISH_STORE);
  cache_cells(d, layer);
  if (layer == d.args.shape.layers - 1) keep_last(d);
  if (d.count == 0) return;
  attend(d, layer);
  linear(d, Linear{w + l.projection, w + l.projection_bias, l.heads_width, l.width}, d.to.heads, d.to.x, FINISH_ADD);
  normalise(d, w + l.norm2);
  linear(d, Linear{w + l.up, w + l.up_bias, l.width, l.inner}, d.to.normed, d.to.wide, FINISH_GELU);
  linear(d, Linear{w + l.down, w + l.down_bias, l.inner, l.width}, d.to.wide, d.to.x, FINISH_ADD);
}

// One block of a Llama: pre-norm attention over rotated queries and keys, then a pre-norm SwiGLU layer (Shazeer 2020).
static void llama_block(Decoder& d, long layer) {
  const DecoderLayout& l = d.layout;
  const float* w = d.args.weights + l.first_layer + layer * l.layer;
  const float* bias = d.args.shape.qkv_bias ? w + l.attention_bias : nullptr;
  normalise(d, w + l.norm1);
  linear(d, Linear{w + l.attention, bias, l.width, l.qkv}, d.to.normed, d.to.wide, FINISH_STORE);
  rotate(d);
  cache_cells(d, layer);
  if (layer == d.args.shape.layers - 1) keep_last(d);
  if (d.count == 0) return;
  attend(d, layer);
  linear(d, Linear{w + l.projection, nullptr, l.heads_width, l.width}, d.to.heads, d.to.x, FINISH_ADD);
  normalise(d, w + l.norm2);
  linear(d, Linear{w + l.up, nullptr, l.width, 2 * l.inner}, d.to.normed, d.to.wide, FINISH_SWIGLU);
  linear(d, Linear{w + l.down, nullptr, l.inner, l.width}, d.to.wide, d.to.x, FINISH_ADD);
}

// x = token embedding, which in a tied model is a column of the head's panels, + position embedding in a GPT-2.
static void embed(const Decoder& d) {
  const DecoderLayout& l = d.layout;
  const bool tied = d.args.shape.tied, positions = d.args.shape.family == GPT2;
  const long step = tied ? NR : 1;
  for (long cell = 0; cell < d.count; cell++) {
    const Cell& c = d.cells[cell];
    const float* token = d.args.weights + (tied ? l.head + c.token / NR * NR * l.width + c.token % NR
                                                : l.token + c.token * l.width);
    const float* position = d.args.weights + l.position + c.position * l.width;
    for (long j = 0; j < l.width; j++)
      block_of(d.to.x, j / BLOCK, d.count, cell)[j % BLOCK] = positions ? token[j * step] + position[j] : token[j * step];
  }
}

}  // namespace VARIANT
}  // namespace touchstone
