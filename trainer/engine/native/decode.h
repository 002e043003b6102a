// Completions, a pass at a time: a few dozen cells (prompt cells of new rows, one cell of every other row) go through
// the whole model, and rows whose newest cell was among them get their next token. A thread keeps its rows to itself, so
// there is nothing to wait for within a pass; with too few rows for that, threads share the outputs of large layers.
// Every cell is computed the same way whatever stands beside it: a sample depends neither on threads nor on slots.
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

// normed = layer norm of x; gain and bias lie one after the other.
static void normalise(const Decoder& d, const float* gain) {
  const long width = d.args.shape.width, step = d.count * BLOCK;
  const float* bias = gain + d.layout.width;
  for (long cell = 0; cell < d.count; cell++) {
    const float* in = d.to.x + cell * BLOCK;
    float* out = d.to.normed + cell * BLOCK;
    const auto place = [step](long j) { return j / BLOCK * step + j % BLOCK; };
    vf total = vf{}, squares = vf{};
    // Padding of x is 0.
    for (long j = 0; j < width; j += VL) total += load(in + place(j));
    const float mean = sum(total) / width;
    for_each_vector(width, [&](long j, long n) {
      const vf e = keep_some(load(in + place(j)) - mean, n);
      squares += e * e;
    });
    const float scale = 1.0f / __builtin_sqrtf(sum(squares) / width + d.args.epsilon);
    for (long j = 0; j < d.layout.width; j += VL)
      store(out + place(j), (load(in + place(j)) - mean) * scale * load(gain + j) + load(bias + j));
  }
}

INLINE CachedHead head_at(const Decoder& d, long layer, long slot, long head) {
  const DecoderShape& s = d.args.shape;
  const long floats = s.cached_row(d.args.capacity), each = floats / (2 * s.heads);
  float* row = d.args.cache + (layer * d.args.slots + slot) * floats;
  float* keys = row + 2 * head * each;
  return CachedHead{keys, keys + each, keys + 2 * each, s.head_size(), s.head_room()};
}

static void cache_cells(const Decoder& d, long layer) {
  const long heads = d.args.shape.heads, blocks = d.args.shape.head_room() / BLOCK, step = d.count * BLOCK;
  for (long cell = 0; cell < d.count; cell++)
    for (long head = 0; head < heads; head++) {
      const float* key = block_of(d.to.wide, (heads + head) * blocks, d.count, cell);
      const float* value = block_of(d.to.wide, (2 * heads + head) * blocks, d.count, cell);
      cache_cell(head_at(d, layer, d.cells[cell].slot, head), d.cells[cell].position, key, value, step);
    }
}

static void attend(const Decoder& d, long layer) {
  const long heads = d.args.shape.heads, blocks = d.args.shape.head_room() / BLOCK, step = d.count * BLOCK;
  const auto one = [&](long task, int thread) {
    const long cell = task / heads, head = task % heads, count = d.cells[cell].position + 1;
    float* room = scratch(thread, SCRATCH_C, attention_scratch(blocks * BLOCK, count));
    attend_cached(head_at(d, layer, d.cells[cell].slot, head), block_of(d.to.wide, head * blocks, d.count, cell), count,
                  block_of(d.to.heads, head * blocks, d.count, cell), step, room);
  };
  long read = 0;
  for (long cell = 0; cell < d.count; cell++) read += 2 * (d.cells[cell].position + 1) * heads * blocks * BLOCK;
  if (d.together && read >= SHARED_FLOATS) for_each_task(d.count * heads, one);
  else
    for (long task = 0; task < d.count * heads; task++) one(task, d.thread);
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

// x = token embedding (a column of the head's panels) + position embedding.
static void embed(const Decoder& d) {
  const DecoderLayout& l = d.layout;
  for (long cell = 0; cell < d.count; cell++) {
    const Cell& c = d.cells[cell];
    const float* token = d.args.weights + l.token + c.token / NR * NR * l.width + c.token % NR;
    const float* position = d.args.weights + l.position + c.position * l.width;
    for (long j = 0; j < l.width; j++)
      block_of(d.to.x, j / BLOCK, d.count, cell)[j % BLOCK] = token[j * NR] + position[j];
  }
}

// Notes the likeliest tokens at the newest place of a row, best first, of equals the one with the smaller id.
static void note_alternatives(const DecodeArgs& a, const Cell& c, const float* logits, float factor, float log_sum) {
  const long count = a.sampling.alternatives, at = (c.row * a.most + a.made[c.row]) * count;
  int32_t* tokens = a.alternative_tokens + at;
  float* log_probs = a.alternative_log_probs + at;
  long held = 0;
  for (long token = 0; token < a.sampling.vocabulary; token++) {
    if (held == count && !(logits[token] > logits[tokens[count - 1]])) continue;
    long place = held < count ? held++ : count - 1;
    for (; place > 0 && logits[token] > logits[tokens[place - 1]]; place--) tokens[place] = tokens[place - 1];
    tokens[place] = (int32_t)token;
  }
  for (long i = 0; i < count; i++) log_probs[i] = logits[tokens[i]] * factor - log_sum;
}

// Draws the next token of a row from its logits, and frees the slot of a row that is done.
static void draw(const Decoder& d, const Cell& c, float* logits) {
  const DecodeArgs& a = d.args;
  const int32_t made = a.made[c.row];
  int32_t* tokens = a.tokens + c.row * (a.capacity + 1);
  const float factor = a.sampling.temperature == 0 ? 1.0f : 1.0f / (float)a.sampling.temperature;
  const float log_sum = log_sum_of(logits, a.shape.vocabulary, factor);
  if (a.sampling.alternatives > 0) note_alternatives(a, c, logits, factor, log_sum);
  const double uniform = next_uniform(a.random + 4 * c.row);
  const int32_t token = draw_token(a.sampling, logits, uniform, tokens, a.lengths[c.row], made);
  tokens[a.lengths[c.row] + made] = token;
  a.log_probs[c.row * a.most + made] = logits[token] * factor - log_sum;
  a.made[c.row] = made + 1;
  bool done = made + 1 == a.limits[c.row];
  for (long i = 0; i < a.stop_count && !done; i++) done = token == a.stops[i];
  if (done) a.slot_rows[c.slot] = -1;
}

static void pass(Decoder& d) {
  const DecoderLayout& l = d.layout;
  embed(d);
  for (long layer = 0; layer < d.args.shape.layers; layer++) gpt2_block(d, layer);
  if (d.count == 0) return;
  normalise(d, d.args.weights + l.final_norm);
  linear(d, Linear{d.args.weights + l.token, nullptr, l.width, l.vocabulary}, d.to.normed, d.to.logits, FINISH_STORE);
  for (long cell = 0; cell < d.count; cell++) {
    for (long block = 0; block < l.vocabulary / BLOCK; block++)
      __builtin_memcpy(d.to.line + block * BLOCK, block_of(d.to.logits, block, d.count, cell), BLOCK * sizeof(float));
    draw(d, d.cells[cell], d.to.line);
  }
}

// The next row of a group that waits, or -1.
static int32_t take_row_of(const DecodeArgs& a, long group) {
  if (__atomic_load_n(a.group_next + group, __ATOMIC_RELAXED) >= a.group_rows[group + 1]) return -1;
  const int32_t row = __atomic_fetch_add(a.group_next + group, 1, __ATOMIC_RELAXED);
  if (row >= a.group_rows[group + 1]) return -1;
  __atomic_fetch_sub(a.waiting, 1, __ATOMIC_RELAXED);
  return row;
}

// The next row for `slot` among slots [from, to), or -1: one whose prompt it has already, else one whose prompt another of
// these slots has, else one of a new group, else any.
static int32_t take_row(const DecodeArgs& a, long slot, long from, long to) {
  if (__atomic_load_n(a.waiting, __ATOMIC_RELAXED) <= 0) return -1;
  int32_t row = a.slot_groups[slot] < 0 ? -1 : take_row_of(a, a.slot_groups[slot]);
  for (long other = from; other < to && row < 0; other++)
    if (a.slot_groups[other] >= 0) row = take_row_of(a, a.slot_groups[other]);
  while (row < 0 && __atomic_load_n(a.next_group, __ATOMIC_RELAXED) < a.groups) {
    const long group = __atomic_fetch_add(a.next_group, 1, __ATOMIC_RELAXED);
    if (group < a.groups) row = take_row_of(a, group);
  }
  for (long group = 0; group < a.groups && row < 0; group++) row = take_row_of(a, group);
  return row;
}

// Cells of a prompt that its rows can share: the last is read by each, for what comes after it.
INLINE long shared_cells(const DecodeArgs& a, long slot) { return a.lengths[a.slot_rows[slot]] - 1; }

// Whether the row of a slot has read nothing yet of a prompt that it may share.
INLINE bool is_fresh(const DecodeArgs& a, long slot) { return a.slot_cells[slot] == 0 && shared_cells(a, slot) > 0; }

// Copies a fresh row's prompt from another slot of [from, to) that has read it, if there is one.
static void copy_prompt(const Decoder& d, long slot, long from, long to) {
  const DecodeArgs& a = d.args;
  const long cells = shared_cells(a, slot);
  long source = from;
  while (source < to && (source == slot || a.slot_groups[source] != a.slot_groups[slot] || a.slot_cells[source] < cells))
    source++;
  if (source == to) return;
  for (long layer = 0; layer < a.shape.layers; layer++)
    for (long head = 0; head < a.shape.heads; head++) {
      const CachedHead read = head_at(d, layer, source, head), write = head_at(d, layer, slot, head);
      __builtin_memcpy(write.keys, read.keys, padded(cells, BLOCK) * read.room * sizeof(float));
      __builtin_memcpy(write.values, read.values, cells * read.room * sizeof(float));
    }
  a.slot_cells[slot] = (int32_t)cells;
}

// Whether another slot of [from, to) is reading the prompt of a fresh row: then that row waits for its end.
static bool is_being_read(const DecodeArgs& a, long slot, long from, long to) {
  for (long other = from; other < to; other++)
    if (other != slot && a.slot_rows[other] >= 0 && a.slot_groups[other] == a.slot_groups[slot] && a.slot_cells[other] > 0)
      return true;
  return false;
}

// Gives free slots of [from, to) to rows that wait.
static void fill_slots(const Decoder& d, long from, long to) {
  const DecodeArgs& a = d.args;
  // First those that wait for another slot's prompt: it may be gone once that slot has a new row.
  for (long slot = from; slot < to; slot++)
    if (a.slot_rows[slot] >= 0 && is_fresh(a, slot)) copy_prompt(d, slot, from, to);
  for (long slot = from; slot < to; slot++) {
    if (a.slot_rows[slot] >= 0) continue;
    const int32_t row = take_row(a, slot, from, to);
    if (row < 0) continue;
    a.slot_rows[slot] = row;
    if (a.slot_groups[slot] == a.row_groups[row]) {
      a.slot_cells[slot] = (int32_t)smaller(a.slot_cells[slot], shared_cells(a, slot));
      continue;
    }
    a.slot_groups[slot] = a.row_groups[row];
    a.slot_cells[slot] = 0;
    if (is_fresh(a, slot)) copy_prompt(d, slot, from, to);
  }
}

// The cells of the next pass over slots [from, to); none when their rows are done and no row waits.
static void gather_cells(Decoder& d, long from, long to) {
  const DecodeArgs& a = d.args;
  fill_slots(d, from, to);
  d.count = 0;
  for (long slot = from; slot < to && d.count < PASS_CELLS; slot++) {
    const int32_t row = a.slot_rows[slot];
    if (row < 0 || (is_fresh(a, slot) && is_being_read(a, slot, from, to))) continue;
    const long have = a.lengths[row] + a.made[row];
    while (a.slot_cells[slot] < have && d.count < PASS_CELLS) {
      const int32_t position = a.slot_cells[slot]++;
      d.cells[d.count++] =
          Cell{(int32_t)slot, row, position, a.tokens[row * (a.capacity + 1) + position], position == have - 1};
    }
  }
}

// Goes on with the rows of slots [from, to) until they are done or the time is over.
static void decode_slots(const DecodeArgs& args, long from, long to, int thread, bool together, double end) {
  Decoder d{args, DecoderLayout(args.shape), thread, together, {}, {}, 0};
  const DecoderLayout& l = d.layout;
  const long wide = larger(l.qkv, l.inner), cells = PASS_CELLS;
  float* at = scratch(thread, SCRATCH_A, cells * (2 * l.width + wide + l.heads_width + l.vocabulary) + l.vocabulary);
  const auto take = [&at](long floats) {
    float* from = at;
    at += floats;
    return from;
  };
  d.to = Activations{take(cells * l.width),       take(cells * l.width),      take(cells * wide),
                     take(cells * l.heads_width), take(cells * l.vocabulary), take(l.vocabulary)};
  do {
    gather_cells(d, from, to);
    if (d.count == 0) return;
    pass(d);
  } while (monotonic_seconds() < end);
}

static void decode(const DecodeArgs& a) {
  const double end = monotonic_seconds() + a.seconds;
  const long shares = smaller(thread_count(), a.slots / LEAST_ROWS);
  if (shares <= 1) {
    decode_slots(a, 0, a.slots, 0, true, end);
    return;
  }
  for_each_task(shares, [&](long share, int thread) {
    decode_slots(a, share * a.slots / shares, (share + 1) * a.slots / shares, thread, false, end);
  });
}

// Packs tensor `index` of the model's file, in its order.
static void pack_tensor(const DecoderShape& s, long index, const float* from, float* weights) {
  const DecoderLayout l(s);
  const Axis width{1, s.width, l.width}, vocabulary{1, s.vocabulary, l.vocabulary}, inner{1, s.inner, l.inner};
  const Axis qkv{3 * s.heads, s.head_size(), s.head_room()}, heads{s.heads, s.head_size(), s.head_room()};
  if (index == 0) {
    pack_matrix(weights + l.token, from, width, vocabulary, l.width, l.vocabulary, 1, s.width);
    return;
  }
  if (index == 1) {
    for (long i = 0; i < s.context; i++) pack_vector(weights + l.position + i * l.width, from + i * s.width, width, l.width);
    return;
  }
  const long layer = (index - TENSORS_BEFORE) / TENSORS_OF_LAYER;
  if (layer == s.layers) {
    const long part = index - TENSORS_BEFORE - s.layers * TENSORS_OF_LAYER;
    pack_vector(weights + l.final_norm + part * l.width, from, width, l.width);
    return;
  }
  float* w = weights + l.first_layer + layer * l.layer;
  switch ((index - TENSORS_BEFORE) % TENSORS_OF_LAYER) {
    case 0: return pack_vector(w + l.norm1, from, width, l.width);
    case 1: return pack_vector(w + l.norm1 + l.width, from, width, l.width);
    case 2: return pack_matrix(w + l.attention, from, width, qkv, l.width, l.qkv, 3 * s.width, 1);
    case 3: return pack_vector(w + l.attention_bias, from, qkv, l.qkv);
    case 4: return pack_matrix(w + l.projection, from, heads, width, l.heads_width, l.width, s.width, 1);
    case 5: return pack_vector(w + l.projection_bias, from, width, l.width);
    case 6: return pack_vector(w + l.norm2, from, width, l.width);
    case 7: return pack_vector(w + l.norm2 + l.width, from, width, l.width);
    case 8: return pack_matrix(w + l.up, from, width, inner, l.width, l.inner, s.inner, 1);
    case 9: return pack_vector(w + l.up_bias, from, inner, l.inner);
    case 10: return pack_matrix(w + l.down, from, inner, width, l.inner, l.width, s.width, 1);
    case 11: return pack_vector(w + l.down_bias, from, width, l.width);
  }
}

}  // namespace VARIANT
}  // namespace touchstone
