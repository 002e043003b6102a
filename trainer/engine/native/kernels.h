// What every variant (portable, AVX2, AVX-512) offers: one table of functions, picked once at load.
#pragma once
#include <cstdint>

#include "decoder.h"

namespace touchstone {

// C[i][j] (+)= sum over k of A[i][k] B[k][j]; then, if asked, + bias[j], GELU, dropout, and + residual[i][j], in this
// order.
// A[i][k] is a[i * am + k * ak], B[k][j] is b[k * bk + j * bn], C[i][j] is c[i * cs + j].
struct GemmArgs {
  long m, n, k;
  const float* a;
  long am, ak;
  const float* b;
  long bk, bn;
  float* c;
  long cs;
  bool accumulate;
  const float* bias;  // [n] or null
  bool gelu;
  float* before;           // as c: the value before GELU, or null
  const float* residual;   // as c, or null
  double drop_rate;        // 0 for no dropout; the elements are counted row by row through C
  uint32_t drop_seed;
  float* b_sums;           // [n] or null: the sums of B's columns, which must be whole rows of memory (bn 1)

  bool to_finish() const { return bias || gelu || residual || drop_rate > 0; }
};

struct AttentionArgs {
  long rows, columns, heads, kv_heads, size;  // B, T, heads of queries H, of keys and values G (divides H), S
  const float* qkv;                           // [B,T,(H+2G)S]
  const int32_t* segments;                    // [B,T] or null
  float* out;                                 // [B,T,HS]
  float* log_sums;                            // [B,H,T]: log of the sum of exponentials of a cell's scores

  long channels() const { return (heads + 2 * kv_heads) * size; }
};

struct AttentionGradientArgs {
  AttentionArgs forward;
  const float* dout;  // [B,T,HS]
  float* dqkv;        // [B,T,(H+2G)S]
};

// Vectors may read this far past the last key.
constexpr long KEY_SLACK = 64;

struct CachedAttentionArgs {
  long rows, count, heads, kv_heads, size;  // B, N new cells, heads of queries H, of keys and values G, S
  long length, capacity;                    // cells held before, cells at most
  const float* qkv;                         // [B,N,(H+2G)S]
  const int32_t* start;                     // [B]: first cell that is not padding
  float* keys;                              // [B,G,S,capacity], and KEY_SLACK floats that are only read
  float* values;                            // [B,G,capacity,S]
  float* out;                               // [B,N,HS]
};

struct RotaryArgs {
  long cells, channels, turned, size;  // of each cell's channels the first `turned` heads of `size` are turned
  const int32_t* positions;            // [cells]
  const float* table;                  // [positions][size]: cosines, then sines
  bool back;                           // the other way round: the gradient
  const float* x;                      // [cells][channels]
  float* y;
};

struct AdamWArgs {
  long size;
  float* parameter;
  const float* gradient;
  float* first;
  float* second;
  double learning_rate, beta1, beta2, correction1, correction2, epsilon, weight_decay;
};

enum BinaryOp { BINARY_ADD, BINARY_SUB, BINARY_MUL, BINARY_DIV };

struct Kernels {
  const char* name;
  void (*gemm)(const GemmArgs&);
  // what gemm does after the product itself: bias, GELU
  void (*finish)(const GemmArgs&);
  void (*attention)(const AttentionArgs&);
  void (*attention_gradient)(const AttentionGradientArgs&);
  void (*cached_attention)(const CachedAttentionArgs&);
  // x [rows, width]; mean and scale (1 / deviation) [rows]
  void (*layer_norm)(long rows, long width, const float* x, const float* gain, const float* bias, float epsilon,
                     float* y, float* mean, float* scale);
  void (*layer_norm_gradient)(long rows, long width, const float* x, const float* gain, const float* mean,
                              const float* scale, const float* dy, float* dx, float* dgain, float* dbias);
  // log softmax(logits / temperature) at the target; log_sums [rows]: log of the sum of exponentials
  void (*log_probs)(long rows, long width, const float* logits, const int32_t* targets, float temperature, float* out,
                    float* log_sums);
  void (*log_probs_gradient)(long rows, long width, const float* logits, const int32_t* targets, float temperature,
                             const float* log_sums, const float* dy, float* dlogits);
  void (*entropy)(long rows, long width, const float* logits, float temperature, float* out, float* log_sums);
  void (*entropy_gradient)(long rows, long width, const float* logits, float temperature, const float* entropies,
                           const float* log_sums, const float* dy, float* dlogits);
  void (*gather)(long count, long width, const float* table, const int32_t* ids, float* out);
  void (*scatter_add)(long count, long width, long vocabulary, const int32_t* ids, const float* dy, float* dtable);
  // step 0 repeats one element of that operand
  void (*binary)(BinaryOp op, long size, const float* a, int a_step, const float* b, int b_step, float* out);
  void (*gelu_gradient)(long size, const float* before, const float* dy, float* dx);
  void (*column_sums)(long rows, long width, const float* x, float* out);
  double (*sum)(long size, const float* x);
  double (*sum_of_squares)(long size, const float* x);
  void (*dropout)(long size, const float* x, double rate, uint32_t seed, float* out);
  void (*adamw)(const AdamWArgs&);
  void (*rms_norm)(long rows, long width, const float* x, const float* gain, float epsilon, float* y, float* scale);
  void (*rms_norm_gradient)(long rows, long width, const float* x, const float* gain, const float* scale,
                            const float* dy, float* dx, float* dgain);
  void (*rotary)(const RotaryArgs&);
  // x [rows, 2 width]: gates, then what they let through
  void (*swiglu)(long rows, long width, const float* x, float* y);
  void (*swiglu_gradient)(long rows, long width, const float* x, const float* dy, float* dx);
  // completions, on and on until all are done or the time is over (decode.h)
  void (*decode)(const DecodeArgs&);
  // packs one tensor of the model into the decoder's weights
  void (*pack_tensor)(const DecoderShape&, Part part, long layer, const float* from, float* weights);
};

const Kernels& kernels_portable();
const Kernels& kernels_avx2();
const Kernels& kernels_avx512();

// The variant in use.
const Kernels& current_kernels();

// One token; a row with a NaN gives token 0.
int32_t sample_token(long width, const float* logits, double uniform, double temperature, long top_k, double top_p);

// One token a row; uniforms in [0, 1). top_k 0 and top_p 1 leave all. The order of the arithmetic is that of
// sampleTokensReference in ops/sample-tokens.ts.
void sample_tokens(long rows, long width, const float* logits, const double* uniforms, double temperature, long top_k,
                   double top_p, int32_t* out);

}  // namespace touchstone
