// The model's tensors as the decoder reads them.
#pragma once
#include "decode_linear.h"

namespace touchstone {
namespace VARIANT {

// Packs one tensor of the model. Linear weights are [in, out] in a GPT-2's files and [out, in] in a Llama's.
static void pack_tensor(const DecoderShape& s, Part part, long layer, const float* from, float* weights) {
  const DecoderLayout l(s);
  const Axis width{1, s.width, l.width}, inner{1, s.inner, l.inner}, heads{s.heads, s.head_size, s.head_room()};
  const Axis qkv{s.heads + 2 * s.kv_heads, s.head_size, s.head_room()}, kv{s.kv_heads, s.head_size, s.head_room()};
  const bool out_first = s.family == LLAMA;
  float* w = weights + l.first_layer + layer * l.layer;
  // Outputs [first, end) of a matrix with the outputs of this axis.
  const auto matrix = [&](float* to, const Axis& in, const Axis& out, long inputs, long outputs, long first, long end,
                          bool transposed) {
    const long ins = in.groups * in.size, outs = out.groups * out.size;
    pack_matrix(to, from, in, inputs, outputs, transposed ? 1 : outs, transposed ? ins : 1, [&out, first, end](long at) {
      return at < first || at >= end ? OTHERS : out.source(at - first);
    });
  };
  const long keys = l.heads_width, values = keys + s.kv_heads * s.head_room();
  switch (part) {
    case PART_TOKENS:
      if (!s.tied)
        for (long i = 0; i < s.vocabulary; i++) pack_vector(weights + l.token + i * l.width, from + i * s.width, width, l.width);
      else matrix(weights + l.head, width, Axis{1, s.vocabulary, l.vocabulary}, l.width, l.vocabulary, 0, l.vocabulary, true);
      return;
    case PART_HEAD:
      return matrix(weights + l.head, width, Axis{1, s.vocabulary, l.vocabulary}, l.width, l.vocabulary, 0, l.vocabulary, true);
    case PART_POSITIONS:
      for (long i = 0; i < s.context; i++)
        pack_vector(weights + l.position + i * l.width, from + i * s.width, width, l.width);
      return;
    case PART_FINAL_GAIN: return pack_vector(weights + l.final_norm, from, width, l.width);
    case PART_FINAL_BIAS: return pack_vector(weights + l.final_norm + l.width, from, width, l.width);
    case PART_NORM1_GAIN: return pack_vector(w + l.norm1, from, width, l.width);
    case PART_NORM1_BIAS: return pack_vector(w + l.norm1 + l.width, from, width, l.width);
    case PART_NORM2_GAIN: return pack_vector(w + l.norm2, from, width, l.width);
    case PART_NORM2_BIAS: return pack_vector(w + l.norm2 + l.width, from, width, l.width);
    case PART_QKV: return matrix(w + l.attention, width, qkv, l.width, l.qkv, 0, l.qkv, out_first);
    case PART_QKV_BIAS: return pack_vector(w + l.attention_bias, from, qkv, l.qkv);
    case PART_QUERIES: return matrix(w + l.attention, width, heads, l.width, l.qkv, 0, keys, out_first);
    case PART_KEYS: return matrix(w + l.attention, width, kv, l.width, l.qkv, keys, values, out_first);
    case PART_VALUES: return matrix(w + l.attention, width, kv, l.width, l.qkv, values, l.qkv, out_first);
    case PART_QUERIES_BIAS: return pack_vector(w + l.attention_bias, from, heads, keys);
    case PART_KEYS_BIAS: return pack_vector(w + l.attention_bias + keys, from, kv, values - keys);
    case PART_VALUES_BIAS: return pack_vector(w + l.attention_bias + values, from, kv, l.qkv - values);
    case PART_PROJECTION: return matrix(w + l.projection, heads, width, l.heads_width, l.width, 0, l.width, out_first);
    case PART_PROJECTION_BIAS: return pack_vector(w + l.projection_bias, from, width, l.width);
    case PART_UP:
      if (s.family == GPT2) return matrix(w + l.up, width, inner, l.width, l.inner, 0, l.inner, out_first);
      [[fallthrough]];
    case PART_GATE: {
      // A vector of gates, then the vector of what they let through: the tile has both at hand.
      const long mine = part == PART_GATE ? 0 : 1;
      return pack_matrix(w + l.up, from, width, l.width, 2 * l.inner, 1, s.width, [&](long at) {
        return at / VL % 2 != mine ? OTHERS : inner.source(at / VL / 2 * VL + at % VL);
      });
    }
    case PART_UP_BIAS: return pack_vector(w + l.up_bias, from, inner, l.inner);
    case PART_DOWN: return matrix(w + l.down, inner, width, l.inner, l.width, 0, l.width, out_first);
    case PART_DOWN_BIAS: return pack_vector(w + l.down_bias, from, width, l.width);
  }
}

}  // namespace VARIANT
}  // namespace touchstone
