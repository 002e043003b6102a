// Completions, a pass at a time: a few dozen cells (prompt cells of new rows, one cell of every other row) go through
// the whole model, and rows whose newest cell was among them get their next token. A thread keeps its rows to itself, so
// there is nothing to wait for within a pass; with too few rows for that, threads share the outputs of large layers.
// Every cell is computed the same way whatever stands beside it: a sample depends neither on threads nor on slots.
#pragma once
#include "decode_pack.h"
#include "decode_slots.h"

namespace touchstone {
namespace VARIANT {

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
  for (long layer = 0; layer < d.args.shape.layers; layer++)
    d.args.shape.family == GPT2 ? gpt2_block(d, layer) : llama_block(d, layer);
  if (d.count == 0) return;
  normalise(d, d.args.weights + l.final_norm);
  linear(d, Linear{d.args.weights + l.head, nullptr, l.width, l.vocabulary}, d.to.normed, d.to.logits, FINISH_STORE);
  for (long cell = 0; cell < d.count; cell++) {
    for (long block = 0; block < l.vocabulary / BLOCK; block++)
      __builtin_memcpy(d.to.line + block * BLOCK, block_of(d.to.logits, block, d.count, cell), BLOCK * sizeof(float));
    draw(d, d.cells[cell], d.to.line);
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

}  // namespace VARIANT
}  // namespace touchstone
