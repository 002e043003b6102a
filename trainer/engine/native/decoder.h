// What the decoder is told: the model's shape, and the state of a call to generate. Both lie in arrays that JavaScript
// owns, so that a call may stop after any pass and go on later.
#pragma once
#include <cstdint>

namespace touchstone {

// Activations and cached keys lie in blocks of so many floats, whatever the width of the processor's vectors.
constexpr long BLOCK = 16;
// Outputs of a linear layer are padded to a multiple of this: the widest panel of any variant.
constexpr long OUTPUTS = 32;
// Cells that one thread takes through the model at once, at most: four register tiles of the widest variant.
constexpr long PASS_CELLS = 56;
// Rows that a thread keeps at once, at most: more would only push each other's keys and values out of the caches.
constexpr long THREAD_ROWS = 28;
// A thread with fewer rows than this spends its time on reading weights: then threads share the layers instead,
constexpr long LEAST_ROWS = 4;
// where a layer has so many floats to read that this outweighs their meeting at its end.
constexpr long SHARED_FLOATS = 1 << 18;

inline long padded(long count, long unit) { return (count + unit - 1) / unit * unit; }

enum DecoderFamily { GPT2, LLAMA };

struct DecoderShape {
  long family, vocabulary, context, width, layers;
  long heads, kv_heads, head_size;  // heads of queries; of keys and values
  long inner;
  bool qkv_bias, tied;  // whether the head is the token embedding

  long head_room() const { return padded(head_size, BLOCK); }
  // Floats of one row in one layer of the cache: for each head of keys and values keys [capacity / BLOCK][head_room][BLOCK],
  // then values [capacity][head_room].
  long cached_row(long capacity) const { return 2 * kv_heads * padded(capacity, BLOCK) * head_room(); }
};

// Where each tensor lies among the packed weights, in floats from their beginning. Matrices are cut into panels
// [outputs / NR][inputs][NR], padded with zeros: widths to OUTPUTS, and each head on its own to BLOCK. What a family does
// not have takes no room.
struct DecoderLayout {
  long width, heads_width, qkv, inner, vocabulary;
  long token, position, head;
  long norm1, attention, attention_bias, projection, projection_bias, norm2, up, up_bias, down, down_bias;  // in a layer
  long first_layer, layer, final_norm, total;

  explicit DecoderLayout(const DecoderShape& s) {
    const bool gpt2 = s.family == GPT2;
    width = padded(s.width, OUTPUTS);
    heads_width = s.heads * s.head_room();
    qkv = padded(heads_width + 2 * s.kv_heads * s.head_room(), OUTPUTS);
    inner = padded(s.inner, OUTPUTS);
    vocabulary = padded(s.vocabulary, OUTPUTS);
    const long norm = gpt2 ? 2 * width : width;
    long at = 0;
    const auto take = [&at](long floats) {
      const long from = at;
      at += floats;
      return from;
    };
    norm1 = take(norm);
    attention = take(width * qkv);
    attention_bias = take(gpt2 || s.qkv_bias ? qkv : 0);
    projection = take(heads_width * width);
    projection_bias = take(gpt2 ? width : 0);
    norm2 = take(norm);
    up = take(width * inner * (gpt2 ? 1 : 2));
    up_bias = take(gpt2 ? inner : 0);
    down = take(inner * width);
    down_bias = take(gpt2 ? width : 0);
    layer = at;
    at = 0;
    head = take(width * vocabulary);
    token = take(s.tied ? 0 : s.vocabulary * width);
    position = take(gpt2 ? s.context * width : 0);
    first_layer = take(s.layers * layer);
    final_norm = take(norm);
    total = at;
  }
};

// The tensors of a model, as model/decoder-weights.ts counts them.
enum Part {
  PART_TOKENS,
  PART_POSITIONS,
  PART_HEAD,
  PART_FINAL_GAIN,
  PART_FINAL_BIAS,
  PART_NORM1_GAIN,
  PART_NORM1_BIAS,
  PART_NORM2_GAIN,
  PART_NORM2_BIAS,
  PART_QKV,
  PART_QKV_BIAS,
  PART_QUERIES,
  PART_KEYS,
  PART_VALUES,
  PART_QUERIES_BIAS,
  PART_KEYS_BIAS,
  PART_VALUES_BIAS,
  PART_PROJECTION,
  PART_PROJECTION_BIAS,
  PART_GATE,
  PART_UP,
  PART_UP_BIAS,
  PART_DOWN,
  PART_DOWN_BIAS,
};

// How a token is drawn from its row's logits.
struct Sampling {
  double temperature;
  long top_k;  // 0: all
  double top_p;
  double repetition, frequency, presence;  // see ops/penalties.ts
  long vocabulary;                         // tokens from this one on are never drawn
  long alternatives;                       // how many of the likeliest are noted
};

// Rows are completions in the making; slots are places in the cache, each held by one row at a time. A row that is done
// leaves its slot to the next row that waits. Rows of equal prompts are a group, and stand next to each other: their
// prompt is read once by each thread that has some of them, and its keys and values are copied from slot to slot.
struct DecodeArgs {
  DecoderShape shape;
  float epsilon;
  const float* rotary;   // [capacity][head size]: cosines, then sines of each position's angles; null in a GPT-2
  const float* weights;  // packed
  long slots, capacity;  // capacity: cells of a slot
  float* cache;          // [layers][slots] of shape.cached_row(capacity)
  int32_t* slot_rows;    // [slots]: the row that holds it, -1 when free
  int32_t* slot_cells;   // [slots]: cells of that row already in the cache
  int32_t* slot_groups;  // [slots]: the group whose prompt lies in the cache, -1 for none
  long rows;
  const int32_t* lengths;  // [rows]: tokens of the prompt
  const int32_t* limits;   // [rows]: the most tokens to add
  const int32_t* row_groups;  // [rows]
  int32_t* made;           // [rows]: tokens added so far
  long groups;
  const int32_t* group_rows;  // [groups + 1]: the first row of each
  int32_t* group_next;        // [groups]: its first row that has had no slot yet
  int32_t* next_group;        // the first group of which no row has had a slot yet
  int32_t* waiting;           // rows that have had no slot yet
  int32_t* tokens;         // [rows][capacity + 1]: the prompt, then what was added
  long most;               // the largest limit
  float* log_probs;        // [rows][most]
  uint32_t* random;        // [rows][4]: state of the row's generator
  Sampling sampling;
  int32_t* alternative_tokens;   // [rows][most][alternatives]
  float* alternative_log_probs;  // [rows][most][alternatives]
  const int32_t* stops;
  long stop_count;
  double seconds;  // how long to go on before returning to the caller
};

double monotonic_seconds();

// The next token of a row, from its logits, which are changed meanwhile by the penalties and put back. tokens: the prompt,
// then the completion so far.
int32_t draw_token(const Sampling& sampling, float* logits, double uniform, const int32_t* tokens, long prompt, long made);

// The next number of engine/random.ts's generator: uniform in [0, 1), 53 bits. Changes the state [4].
double next_uniform(uint32_t* state);

}  // namespace touchstone
