// The door between JavaScript and the kernels: takes typed arrays and numbers, checks that each array is of the right
// kind and long enough, and calls the variant that the processor supports. What each function takes: addon.ts.
#include <node_api.h>

#include <cstring>
#include <thread>

#include "arguments.h"
#include "decode_module.h"
#include "kernels.h"
#include "pool.h"
#include "products.h"

using namespace touchstone;

namespace {

const Kernels* kernels = nullptr;

const Kernels& pick(const char* wanted) {
#if defined(__x86_64__)
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!std::strcmp(wanted, "portable")) return kernels_portable();
  if (avx512 && std::strcmp(wanted, "avx2")) return kernels_avx512();
  if (avx2) return kernels_avx2();
#endif
  (void)wanted;
  return kernels_portable();
}

napi_value number_of(napi_env env, double value) {
  napi_value result;
  napi_create_double(env, value, &result);
  return result;
}

// open(variant: string, threads) picks the kernels ("best" or a name) and starts the threads; gives the variant's name.
napi_value open(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value values[2];
  napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  char wanted[32] = "best";
  size_t length;
  napi_get_value_string_utf8(env, values[0], wanted, sizeof wanted, &length);
  int32_t threads = 0;
  napi_get_value_int32(env, values[1], &threads);
  kernels = &pick(wanted);
  use_blas(!std::strcmp(wanted, "best"));
  if (threads > 0) set_thread_count(threads);
  napi_value name;
  napi_create_string_utf8(env, kernels->name, NAPI_AUTO_LENGTH, &name);
  return name;
}

// chooseBlas(request) settles who makes large products, for the kernels in use; gives the library's name or "".
napi_value choose_blas(napi_env env, napi_callback_info info) {
  size_t count = 1, length = 0;
  napi_value value;
  napi_get_cb_info(env, info, &count, &value, nullptr, nullptr);
  char request[4096] = "";
  napi_get_value_string_utf8(env, value, request, sizeof request, &length);
  std::string error;
  const std::string name = touchstone::choose_blas(*kernels, request, error);
  if (!error.empty()) napi_throw_error(env, nullptr, error.c_str());
  napi_create_string_utf8(env, name.c_str(), NAPI_AUTO_LENGTH, &value);
  return value;
}

// setBf16(on) gives whether that could be done.
napi_value set_bf16(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const bool on = in.flag();
  napi_value done;
  napi_get_boolean(env, !in.failed && touchstone::set_bf16(on), &done);
  return done;
}

long reach(long rows, long row_step, long columns, long column_step) {
  return rows == 0 || columns == 0 ? 0 : (rows - 1) * row_step + (columns - 1) * column_step + 1;
}

napi_value gemm(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  GemmArgs g{};
  g.m = in.integer();
  g.n = in.integer();
  g.k = in.integer();
  const long a_at = in.integer(), b_at = in.integer(), c_at = in.integer();
  g.am = in.integer();
  g.ak = in.integer();
  g.bk = in.integer();
  g.bn = in.integer();
  g.cs = in.integer();
  const long c_reach = reach(g.m, g.cs, g.n, 1);
  g.a = in.floats(a_at + reach(g.m, g.am, g.k, g.ak));
  g.b = in.floats(b_at + reach(g.k, g.bk, g.n, g.bn));
  g.c = in.floats(c_at + c_reach);
  g.accumulate = in.flag();
  g.bias = in.floats_or_null(g.n);
  g.gelu = in.flag();
  g.before = in.floats_or_null(c_reach);
  g.residual = in.floats_or_null(c_reach);
  g.drop_rate = in.number_or(0);
  g.drop_seed = (uint32_t)(int64_t)in.number_or(0);
  g.b_sums = in.floats_or_null(g.n);
  if (in.failed) return nullptr;
  g.a += a_at;
  g.b += b_at;
  g.c += c_at;
  product(*kernels, g);
  return nullptr;
}

AttentionArgs attention_args(Arguments& in) {
  AttentionArgs a{};
  a.rows = in.integer();
  a.columns = in.integer();
  a.heads = in.integer();
  a.kv_heads = in.integer();
  a.size = in.integer();
  const long cells = a.rows * a.columns, width = a.heads * a.size;
  a.qkv = in.floats(cells * a.channels());
  a.segments = in.ints_or_null(cells);
  a.out = in.floats(cells * width);
  a.log_sums = in.floats(cells * a.heads);
  return a;
}

napi_value attention(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const AttentionArgs a = attention_args(in);
  if (!in.failed) kernels->attention(a);
  return nullptr;
}

napi_value attention_gradient(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  AttentionGradientArgs g{};
  g.forward = attention_args(in);
  const AttentionArgs& a = g.forward;
  g.dout = in.floats(a.rows * a.columns * a.heads * a.size);
  g.dqkv = in.floats(a.rows * a.columns * a.channels());
  if (!in.failed) kernels->attention_gradient(g);
  return nullptr;
}

napi_value cached_attention(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  CachedAttentionArgs a{};
  a.rows = in.integer();
  a.count = in.integer();
  a.heads = in.integer();
  a.kv_heads = in.integer();
  a.size = in.integer();
  a.length = in.integer();
  a.capacity = in.integer();
  const long width = a.heads * a.size, kv_width = a.kv_heads * a.size;
  a.qkv = in.floats(a.rows * a.count * (width + 2 * kv_width));
  a.start = in.ints(a.rows);
  a.keys = in.floats(a.rows * kv_width * a.capacity + KEY_SLACK);
  a.values = in.floats(a.rows * kv_width * a.capacity);
  a.out = in.floats(a.rows * a.count * width);
  if (!in.failed) kernels->cached_attention(a);
  return nullptr;
}

napi_value layer_norm(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long rows = in.integer(), width = in.integer();
  const float *x = in.floats(rows * width), *gain = in.floats(width), *bias = in.floats(width);
  const float epsilon = (float)in.number();
  float *y = in.floats(rows * width), *mean = in.floats(rows), *scale = in.floats(rows);
  if (!in.failed) kernels->layer_norm(rows, width, x, gain, bias, epsilon, y, mean, scale);
  return nullptr;
}

napi_value layer_norm_gradient(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long rows = in.integer(), width = in.integer();
  const float *x = in.floats(rows * width), *gain = in.floats(width), *mean = in.floats(rows), *scale = in.floats(rows);
  const float* dy = in.floats(rows * width);
  float *dx = in.floats(rows * width), *dgain = in.floats(width), *dbias = in.floats(width);
  if (!in.failed) kernels->layer_norm_gradient(rows, width, x, gain, mean, scale, dy, dx, dgain, dbias);
  return nullptr;
}

napi_value rms_norm(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long rows = in.integer(), width = in.integer();
  const float *x = in.floats(rows * width), *gain = in.floats(width);
  const float epsilon = (float)in.number();
  float *y = in.floats(rows * width), *scale = in.floats(rows);
  if (!in.failed) kernels->rms_norm(rows, width, x, gain, epsilon, y, scale);
  return nullptr;
}

napi_value rms_norm_gradient(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long rows = in.integer(), width = in.integer();
  const float *x = in.floats(rows * width), *gain = in.floats(width), *scale = in.floats(rows);
  const float* dy = in.floats(rows * width);
  float *dx = in.floats(rows * width), *dgain = in.floats(width);
  if (!in.failed) kernels->rms_norm_gradient(rows, width, x, gain, scale, dy, dx, dgain);
  return nullptr;
}

napi_value rotary(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  RotaryArgs a{};
  a.cells = in.integer();
  a.channels = in.integer();
  a.turned = in.integer();
  a.size = in.integer();
  a.positions = in.ints(a.cells);
  long most = -1;
  for (long i = 0; !in.failed && i < a.cells; i++)
    if (a.positions[i] > most) most = a.positions[i];
  a.table = in.floats((most + 1) * a.size);
  a.back = in.flag();
  a.x = in.floats(a.cells * a.channels);
  a.y = in.floats(a.cells * a.channels);
  if (!in.failed) kernels->rotary(a);
  return nullptr;
}

napi_value swiglu(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long rows = in.integer(), width = in.integer();
  const float* x = in.floats(rows * 2 * width);
  float* y = in.floats(rows * width);
  if (!in.failed) kernels->swiglu(rows, width, x, y);
  return nullptr;
}

napi_value swiglu_gradient(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long rows = in.integer(), width = in.integer();
  const float *x = in.floats(rows * 2 * width), *dy = in.floats(rows * width);
  float* dx = in.floats(rows * 2 * width);
  if (!in.failed) kernels->swiglu_gradient(rows, width, x, dy, dx);
  return nullptr;
}

// The first place whose id is not in [0, bound), or -1.
long first_outside(const int32_t* ids, long count, long bound) {
  for (long i = 0; i < count; i++)
    if (ids[i] < 0 || ids[i] >= bound) return i;
  return -1;
}

napi_value log_probs(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long rows = in.integer(), width = in.integer();
  const float* logits = in.floats(rows * width);
  const int32_t* targets = in.ints(rows);
  const float temperature = (float)in.number();
  float *out = in.floats(rows), *log_sums = in.floats(rows);
  if (in.failed) return nullptr;
  const long outside = first_outside(targets, rows, width);
  if (outside < 0) kernels->log_probs(rows, width, logits, targets, temperature, out, log_sums);
  return number_of(env, (double)outside);
}

napi_value log_probs_gradient(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long rows = in.integer(), width = in.integer();
  const float* logits = in.floats(rows * width);
  const int32_t* targets = in.ints(rows);
  const float temperature = (float)in.number();
  const float *log_sums = in.floats(rows), *dy = in.floats(rows);
  float* dlogits = in.floats(rows * width);
  if (!in.failed && first_outside(targets, rows, width) < 0)
    kernels->log_probs_gradient(rows, width, logits, targets, temperature, log_sums, dy, dlogits);
  return nullptr;
}

napi_value entropy(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long rows = in.integer(), width = in.integer();
  const float* logits = in.floats(rows * width);
  const float temperature = (float)in.number();
  float *out = in.floats(rows), *log_sums = in.floats(rows);
  if (!in.failed) kernels->entropy(rows, width, logits, temperature, out, log_sums);
  return nullptr;
}

napi_value entropy_gradient(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long rows = in.integer(), width = in.integer();
  const float* logits = in.floats(rows * width);
  const float temperature = (float)in.number();
  const float *entropies = in.floats(rows), *log_sums = in.floats(rows), *dy = in.floats(rows);
  float* dlogits = in.floats(rows * width);
  if (!in.failed) kernels->entropy_gradient(rows, width, logits, temperature, entropies, log_sums, dy, dlogits);
  return nullptr;
}

napi_value gather(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long count = in.integer(), width = in.integer(), vocabulary = in.integer();
  const float* table = in.floats(vocabulary * width);
  const int32_t* ids = in.ints(count);
  float* out = in.floats(count * width);
  if (in.failed) return nullptr;
  const long outside = first_outside(ids, count, vocabulary);
  if (outside < 0) kernels->gather(count, width, table, ids, out);
  return number_of(env, (double)outside);
}

napi_value scatter_add(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long count = in.integer(), width = in.integer(), vocabulary = in.integer();
  const int32_t* ids = in.ints(count);
  const float* dy = in.floats(count * width);
  float* dtable = in.floats(vocabulary * width);
  if (!in.failed && first_outside(ids, count, vocabulary) < 0)
    kernels->scatter_add(count, width, vocabulary, ids, dy, dtable);
  return nullptr;
}

napi_value binary(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long op = in.integer(), size = in.integer();
  const int a_step = (int)in.integer(), b_step = (int)in.integer();
  const float *a = in.floats(a_step ? size : 1), *b = in.floats(b_step ? size : 1);
  float* out = in.floats(size);
  if (!in.failed) kernels->binary((BinaryOp)op, size, a, a_step, b, b_step, out);
  return nullptr;
}

napi_value gelu_gradient(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long size = in.integer();
  const float *before = in.floats(size), *dy = in.floats(size);
  float* dx = in.floats(size);
  if (!in.failed) kernels->gelu_gradient(size, before, dy, dx);
  return nullptr;
}

napi_value column_sums(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long rows = in.integer(), width = in.integer();
  const float* x = in.floats(rows * width);
  float* out = in.floats(width);
  if (!in.failed) kernels->column_sums(rows, width, x, out);
  return nullptr;
}

template <bool Squares>
napi_value sum(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long size = in.integer();
  const float* x = in.floats(size);
  if (in.failed) return nullptr;
  return number_of(env, Squares ? kernels->sum_of_squares(size, x) : kernels->sum(size, x));
}

napi_value dropout(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long size = in.integer();
  const float* x = in.floats(size);
  const double rate = in.number();
  const uint32_t seed = (uint32_t)(int64_t)in.number();
  float* out = in.floats(size);
  if (!in.failed) kernels->dropout(size, x, rate, seed, out);
  return nullptr;
}

napi_value adamw(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  AdamWArgs a{};
  a.size = in.integer();
  a.parameter = in.floats(a.size);
  a.gradient = in.floats(a.size);
  a.first = in.floats(a.size);
  a.second = in.floats(a.size);
  a.learning_rate = in.number();
  a.beta1 = in.number();
  a.beta2 = in.number();
  a.correction1 = in.number();
  a.correction2 = in.number();
  a.epsilon = in.number();
  a.weight_decay = in.number();
  if (!in.failed) kernels->adamw(a);
  return nullptr;
}

napi_value sample(napi_env env, napi_callback_info info) {
  Arguments in(env, info);
  const long rows = in.integer(), width = in.integer();
  const float* logits = in.floats(rows * width);
  const double* uniforms = in.doubles(rows);
  const double temperature = in.number();
  const long top_k = in.integer();
  const double top_p = in.number();
  int32_t* out = in.ints(rows);
  if (!in.failed) sample_tokens(rows, width, logits, uniforms, temperature, top_k, top_p, out);
  return nullptr;
}

napi_value start(napi_env env, napi_value exports) {
  const struct {
    const char* name;
    napi_callback function;
  } functions[] = {
      {"open", open},
      {"chooseBlas", choose_blas},
      {"setBf16", set_bf16},
      {"gemm", gemm},
      {"attention", attention},
      {"attentionGradient", attention_gradient},
      {"cachedAttention", cached_attention},
      {"layerNorm", layer_norm},
      {"layerNormGradient", layer_norm_gradient},
      {"logProbs", log_probs},
      {"logProbsGradient", log_probs_gradient},
      {"entropy", entropy},
      {"entropyGradient", entropy_gradient},
      {"gather", gather},
      {"scatterAdd", scatter_add},
      {"binary", binary},
      {"geluGradient", gelu_gradient},
      {"columnSums", column_sums},
      {"sum", sum<false>},
      {"sumOfSquares", sum<true>},
      {"dropout", dropout},
      {"adamw", adamw},
      {"rmsNorm", rms_norm},
      {"rmsNormGradient", rms_norm_gradient},
      {"rotary", rotary},
      {"swiglu", swiglu},
      {"swigluGradient", swiglu_gradient},
      {"sample", sample},
  };
  kernels = &pick("best");
  export_decoder(env, exports);
  for (const auto& f : functions) {
    napi_value value;
    napi_create_function(env, f.name, NAPI_AUTO_LENGTH, f.function, nullptr, &value);
    napi_set_named_property(env, exports, f.name, value);
  }
  return exports;
}

}  // namespace

const Kernels& touchstone::current_kernels() { return *kernels; }

NAPI_MODULE(touchstone, start)
