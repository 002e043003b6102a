// The decoder's functions as JavaScript calls them. What each takes: addon.ts.
#include "decode_module.h"

#include "arguments.h"
#include "kernels.h"
#include "pool.h"

namespace touchstone {
namespace {

DecoderShape shape_of(Arguments& in) {
  DecoderShape shape{GPT2, 1, 1, 1, 1, 1, 1, 1, 1, true, true};
  const int32_t* n = in.ints(11);
  if (!in.failed) shape = DecoderShape{n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9] != 0, n[10] != 0};
  return shape;
}

// decoderRoom(shape, rows, capacity, out): floats of the packed weights, slots that are of use, floats of their cache.
napi_value decoder_room(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const DecoderShape shape = shape_of(in);
  const long rows = in.integer(), capacity = in.integer();
  double* out = in.doubles(3);
  if (in.failed) return nullptr;
  const long most = thread_count() * THREAD_ROWS, slots = rows < most ? rows : most;
  out[0] = (double)DecoderLayout(shape).total;
  out[1] = (double)slots;
  out[2] = (double)(shape.layers * slots * shape.cached_row(capacity));
  return nullptr;
}

napi_value pack_tensor(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const DecoderShape shape = shape_of(in);
  const Part part = (Part)in.integer();
  const long layer = in.integer();
  const long size = in.integer();
  const float* from = in.floats(size);
  float* weights = in.floats(DecoderLayout(shape).total);
  if (!in.failed) current_kernels().pack_tensor(shape, part, layer, from, weights);
  return nullptr;
}

napi_value decode(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  DecodeArgs a{};
  a.shape = shape_of(in);
  a.epsilon = (float)in.number();
  a.slots = in.integer();
  a.capacity = in.integer();
  a.rotary = in.floats(a.shape.family == GPT2 ? 0 : a.capacity * a.shape.head_size);
  a.weights = in.floats(DecoderLayout(a.shape).total);
  a.cache = in.floats(a.shape.layers * a.slots * a.shape.cached_row(a.capacity));
  int32_t* slots = in.ints(3 * a.slots);
  a.slot_rows = slots;
  a.slot_groups = slots + a.slots;
  a.slot_cells = slots + 2 * a.slots;
  a.rows = in.integer();
  int32_t* rows = in.ints(4 * a.rows);
  a.lengths = rows;
  a.limits = rows + a.rows;
  a.row_groups = rows + 2 * a.rows;
  a.made = rows + 3 * a.rows;
  a.groups = in.integer();
  int32_t* groups = in.ints(2 * a.groups + 3);
  a.group_rows = groups;
  a.group_next = groups + a.groups + 1;
  a.next_group = groups + 2 * a.groups + 1;
  a.waiting = groups + 2 * a.groups + 2;
  a.tokens = in.ints(a.rows * (a.capacity + 1));
  a.most = in.integer();
  a.log_probs = in.floats(a.rows * a.most);
  a.random = reinterpret_cast<uint32_t*>(in.ints(4 * a.rows));
  const double* sampling = in.doubles(8);
  if (in.failed) return nullptr;
  a.sampling = Sampling{sampling[0],       (long)sampling[1], sampling[2],       sampling[3],
                        sampling[4],       sampling[5],       (long)sampling[6], (long)sampling[7]};
  a.alternative_tokens = in.ints(a.rows * a.most * a.sampling.alternatives);
  a.alternative_log_probs = in.floats(a.rows * a.most * a.sampling.alternatives);
  a.stop_count = in.integer();
  a.stops = in.ints(a.stop_count);
  a.seconds = in.number();
  if (in.failed) return nullptr;
  current_kernels().decode(a);
  return nullptr;
}

}  // namespace

void export_decoder(napi_env env, napi_value exports) {
  const struct {
    const char* name;
    napi_callback function;
  } functions[] = {{"decoderRoom", decoder_room}, {"packTensor", pack_tensor}, {"decode", decode}};
  for (const auto& f : functions) {
    napi_value value;
    napi_create_function(env, f.name, NAPI_AUTO_LENGTH, f.function, nullptr, &value);
    napi_set_named_property(env, exports, f.name, value);
  }
}

}  // namespace touchstone
