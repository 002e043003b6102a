// Kernels that treat each row of [rows, width] on its own: layer norm, log-probabilities, entropy, embedding.
#pragma once
#include "kernels.h"
#include "vector.h"

namespace touchstone {
namespace VARIANT {

// Rows of a task. Sums over rows are made per task and then in order, so that they do not depend on the threads.
constexpr long ROW_BLOCK = 64;

// Calls f(block) for each vector of a row; the last may be partial. f gets the offset and how many floats count.
template <class F>
INLINE void for_each_vector(long width, const F& f) {
  long j = 0;
  for (; j + VL <= width; j += VL) f(j, (long)VL);
  if (j < width) f(j, width - j);
}
INLINE vf load_some(const float* p, long n, float rest = 0) { return n == VL ? load(p) : load_part(p, n, rest); }
INLINE void store_some(float* p, vf v, long n) {
  if (n == VL) store(p, v);
  else store_part(p, v, n);
}
INLINE vf keep_some(vf v, long n) {
  if (n == VL) return v;
  float t[VL];
  store(t, v);
  return load_part(t, n, 0);
}

template <class F>
INLINE void for_each_row(long rows, const F& f) {
  for_each_task(divide_up(rows, ROW_BLOCK), [&](long task, int) {
    const long end = smaller(rows, (task + 1) * ROW_BLOCK);
    for (long i = task * ROW_BLOCK; i < end; i++) f(i);
  });
}

static void layer_norm(long rows, long width, const float* x, const float* gain, const float* bias, float epsilon,
                       float* y, float* mean, float* scale) {
  for_each_row(rows, [&](long i) {
    const float* in = x + i * width;
    float* out = y + i * width;
    vf total = vf{};
    for_each_vector(width, [&](long j, long n) { total += load_some(in + j, n); });
    const float m = sum(total) / width;
    vf squares = vf{};
    for_each_vector(width, [&](long j, long n) {
      const vf d = keep_some(load_some(in + j, n) - m, n);
      squares += d * d;
    });
    const float s = 1.0f / __builtin_sqrtf(sum(squares) / width + epsilon);
    for_each_vector(width, [&](long j, long n) {
      store_some(out + j, (load_some(in + j, n) - m) * s * load_some(gain + j, n) + load_some(bias + j, n), n);
    });
    mean[i] = m;
    scale[i] = s;
  });
}

// With h = (x - mean) scale and e = dy gain: dx = scale (e - mean(e) - h mean(e h)).
static void layer_norm_gradient(long rows, long width, const float* x, const float* gain, const float* mean,
                                const float* scale, const float* dy, float* dx, float* dgain, float* dbias) {
  const long blocks = divide_up(rows, ROW_BLOCK);
  float* partial = scratch(0, SCRATCH_PARTIAL, 2 * width * larger(1, blocks));
  for_each_task(blocks, [&](long task, int) {
    float* gains = partial + task * 2 * width;
    float* biases = gains + width;
    for (long j = 0; j < 2 * width; j++) gains[j] = 0;
    const long end = smaller(rows, (task + 1) * ROW_BLOCK);
    for (long i = task * ROW_BLOCK; i < end; i++) {
      const float *in = x + i * width, *up = dy + i * width;
      float* out = dx + i * width;
      const float m = mean[i], s = scale[i];
      vf total = vf{}, product = vf{};
      for_each_vector(width, [&](long j, long n) {
        const vf d = load_some(up + j, n), h = keep_some((load_some(in + j, n) - m) * s, n);
        const vf e = d * load_some(gain + j, n);
        total += e;
        product += e * h;
        store_some(gains + j, load_some(gains + j, n) + d * h, n);
        store_some(biases + j, load_some(biases + j, n) + d, n);
      });
      const float mean_e = sum(total) / width, mean_eh = sum(product) / width;
      for_each_vector(width, [&](long j, long n) {
        const vf h = (load_some(in + j, n) - m) * s;
        store_some(out + j, s * (load_some(up + j, n) * load_some(gain + j, n) - mean_e - h * mean_eh), n);
      });
    }
  });
  for (long j = 0; j < width; j++) {
    float g = 0, b = 0;
    for (long t = 0; t < blocks; t++) {
      g += partial[t * 2 * width + j];
      b += partial[t * 2 * width + width + j];
    }
    dgain[j] = g;
    dbias[j] = b;
  }
}

// log of the sum of exp(logits * f); a NaN logit makes it NaN.
INLINE float log_sum_of(const float* in, long width, float f) {
  vf top = set(-__builtin_inff());
  for_each_vector(width, [&](long j, long n) {
    const vf v = load_some(in + j, n, n == VL ? 0 : in[j]) * f;
    top = v <= top ? top : v;
  });
  const float peak = max_of(top);
  if (!(peak > -__builtin_inff() && peak < __builtin_inff())) {
    // All -infinity, some +infinity, or NaN: the plain formula says what comes out.
    float s = 0;
    for (long j = 0; j < width; j++) s += __builtin_expf(in[j] * f - peak);
    return peak + __builtin_logf(s);
  }
  vf total = vf{};
  for_each_vector(width, [&](long j, long n) { total += exp(load_some(in + j, n, -__builtin_inff()) * f - peak); });
  return peak + __builtin_logf(sum(total));
}

static void log_probs(long rows, long width, const float* logits, const int32_t* targets, float temperature, float* out,
                      float* log_sums) {
  const float f = 1.0f / temperature;
  for_each_row(rows, [&](long i) {
    const float* in = logits + i * width;
    log_sums[i] = log_sum_of(in, width, f);
    out[i] = in[targets[i]] * f - log_sums[i];
  });
}

static void log_probs_gradient(long rows, long width, const float* logits, const int32_t* targets, float temperature,
                               const float* log_sums, const float* dy, float* dlogits) {
  const float f = 1.0f / temperature;
  for_each_row(rows, [&](long i) {
    const float* in = logits + i * width;
    float* out = dlogits + i * width;
    const float d = dy[i] * f;
    if (d == 0) {
      for_each_vector(width, [&](long j, long n) { store_some(out + j, vf{}, n); });
      return;
    }
    for_each_vector(width, [&](long j, long n) { store_some(out + j, -d * exp(load_some(in + j, n) * f - log_sums[i]), n); });
    out[targets[i]] += d;
  });
}

// H = log_sum - Σ p z with z = logits / temperature.
static void entropy(long rows, long width, const float* logits, float temperature, float* out, float* log_sums) {
  const float f = 1.0f / temperature;
  for_each_row(rows, [&](long i) {
    const float* in = logits + i * width;
    const float l = log_sum_of(in, width, f);
    vf total = vf{};
    for_each_vector(width, [&](long j, long n) {
      const vf log_p = load_some(in + j, n) * f - l, p = exp(log_p);
      // p log p is 0 where p is 0, also for a logit of -infinity.
      total += keep_some(p == 0.0f ? vf{} : p * log_p, n);
    });
    out[i] = -sum(total);
    log_sums[i] = l;
  });
}

// dH/dz = -p (log p + H).
static void entropy_gradient(long rows, long width, const float* logits, float temperature, const float* entropies,
                             const float* log_sums, const float* dy, float* dlogits) {
  const float f = 1.0f / temperature;
  for_each_row(rows, [&](long i) {
    const float* in = logits + i * width;
    const float d = -dy[i] * f, h = entropies[i];
    for_each_vector(width, [&](long j, long n) {
      const vf log_p = load_some(in + j, n) * f - log_sums[i], p = exp(log_p);
      store_some(dlogits + i * width + j, p == 0.0f ? vf{} : d * p * (log_p + h), n);
    });
  });
}

static void gather(long count, long width, const float* table, const int32_t* ids, float* out) {
  for_each_row(count, [&](long i) { __builtin_memcpy(out + i * width, table + ids[i] * width, width * sizeof(float)); });
}

// Each task owns the rows of the table whose id falls to it, and adds them up in the order of the cells.
static void scatter_add(long count, long width, long vocabulary, const int32_t* ids, const float* dy, float* dtable) {
  constexpr long SHARES = 16;
  for_each_task(SHARES, [&](long share, int) {
    for (long v = share; v < vocabulary; v += SHARES)
      for (long j = 0; j < width; j++) dtable[v * width + j] = 0;
    for (long i = 0; i < count; i++) {
      if (ids[i] % SHARES != share) continue;
      float* to = dtable + ids[i] * width;
      const float* from = dy + i * width;
      for (long j = 0; j < width; j++) to[j] += from[j];
    }
  });
}

}  // namespace VARIANT
}  // namespace touchstone
