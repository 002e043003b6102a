// Kernels over flat arrays.
#pragma once
#include "dropout.h"
#include "rows.h"

namespace touchstone {
namespace VARIANT {

// Floats of a task. Sums are made per task and then in order, so that they do not depend on the threads.
constexpr long FLAT_BLOCK = 16384;

template <class F>
INLINE void for_each_block(long size, const F& f) {
  for_each_task(divide_up(size, FLAT_BLOCK), [&](long task, int) {
    f(task * FLAT_BLOCK, smaller(size, (task + 1) * FLAT_BLOCK), task);
  });
}

template <class F>
INLINE void map_binary(long size, const float* a, int a_step, const float* b, int b_step, float* out, const F& f) {
  for_each_block(size, [&](long from, long to, long) {
    // Three loops, so that each reads its operands plainly.
    if (a_step && b_step)
      for (long i = from; i < to; i++) out[i] = f(a[i], b[i]);
    else if (a_step) {
      const float y = b[0];
      for (long i = from; i < to; i++) out[i] = f(a[i], y);
    } else {
      const float x = a[0];
      for (long i = from; i < to; i++) out[i] = f(x, b[i * b_step]);
    }
  });
}

static void binary(BinaryOp op, long size, const float* a, int a_step, const float* b, int b_step, float* out) {
  switch (op) {
    case BINARY_ADD:
      return map_binary(size, a, a_step, b, b_step, out, [](float x, float y) { return x + y; });
    case BINARY_SUB:
      return map_binary(size, a, a_step, b, b_step, out, [](float x, float y) { return x - y; });
    case BINARY_MUL:
      return map_binary(size, a, a_step, b, b_step, out, [](float x, float y) { return x * y; });
    case BINARY_DIV:
      return map_binary(size, a, a_step, b, b_step, out, [](float x, float y) { return x / y; });
  }
}

static void gelu_gradient(long size, const float* before, const float* dy, float* dx) {
  for_each_block(size, [&](long from, long to, long) {
    for_each_vector(to - from, [&](long j, long n) {
      const long i = from + j;
      store_some(dx + i, load_some(dy + i, n) * gelu_derivative(load_some(before + i, n)), n);
    });
  });
}

static void column_sums(long rows, long width, const float* x, float* out) {
  const long blocks = divide_up(rows, ROW_BLOCK);
  float* partial = scratch(0, SCRATCH_PARTIAL, width * larger(1, blocks));
  for_each_task(blocks, [&](long task, int) {
    float* sums = partial + task * width;
    for (long j = 0; j < width; j++) sums[j] = 0;
    const long end = smaller(rows, (task + 1) * ROW_BLOCK);
    for (long i = task * ROW_BLOCK; i < end; i++)
      for (long j = 0; j < width; j++) sums[j] += x[i * width + j];
  });
  for (long j = 0; j < width; j++) out[j] = 0;
  for (long t = 0; t < blocks; t++)
    for (long j = 0; j < width; j++) out[j] += partial[t * width + j];
}

template <class F>
INLINE double reduce(long size, const F& f) {
  const long blocks = divide_up(size, FLAT_BLOCK);
  float* partial = scratch(0, SCRATCH_PARTIAL, larger(1, blocks));
  for_each_block(size, [&](long from, long to, long task) {
    vf total = vf{};
    for_each_vector(to - from, [&](long j, long n) { total += f(from + j, n); });
    partial[task] = touchstone::VARIANT::sum(total);
  });
  double total = 0;
  for (long t = 0; t < blocks; t++) total += partial[t];
  return total;
}

static double sum_all(long size, const float* x) {
  return reduce(size, [&](long i, long n) { return load_some(x + i, n); });
}
static double sum_of_squares(long size, const float* x) {
  return reduce(size, [&](long i, long n) {
    const vf v = load_some(x + i, n);
    return v * v;
  });
}

static void dropout(long size, const float* x, double rate, uint32_t seed, float* out) {
  const Drop d = drop_of(rate, seed);
  for_each_block(size, [&](long from, long to, long) {
    for_each_vector(to - from, [&](long j, long n) {
      store_some(out + from + j, drop(d, load_some(x + from + j, n), (uint32_t)(from + j)), n);
    });
  });
}

static void adamw(const AdamWArgs& a) {
  // 1 - beta2 is made in double: of 0.999 in float it would be off by 1e-5.
  const float beta1 = (float)a.beta1, beta2 = (float)a.beta2;
  const float rest1 = (float)(1 - a.beta1), rest2 = (float)(1 - a.beta2);
  const float keep = (float)(1 - a.learning_rate * a.weight_decay), step = (float)(a.learning_rate / a.correction1);
  const float root = (float)(1 / __builtin_sqrt(a.correction2)), epsilon = (float)a.epsilon;
  for_each_block(a.size, [&](long from, long to, long) {
    for (long i = from; i < to; i++) {
      const float g = a.gradient[i];
      const float m = beta1 * a.first[i] + rest1 * g;
      const float v = beta2 * a.second[i] + rest2 * g * g;
      a.first[i] = m;
      a.second[i] = v;
      a.parameter[i] = keep * a.parameter[i] - step * m / (__builtin_sqrtf(v) * root + epsilon);
    }
  });
}

}  // namespace VARIANT
}  // namespace touchstone
