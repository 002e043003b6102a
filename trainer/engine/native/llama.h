// What a Llama computes and a GPT-2 does not: RMS norm, rotary positions, SwiGLU; forward and backward.
#pragma once
#include "rows.h"

namespace touchstone {
namespace VARIANT {

static void rms_norm(long rows, long width, const float* x, const float* gain, float epsilon, float* y, float* scale) {
  for_each_row(rows, [&](long i) {
    const float* in = x + i * width;
    vf squares = vf{};
    for_each_vector(width, [&](long j, long n) {
      const vf v = load_some(in + j, n);
      squares += v * v;
    });
    const float s = 1.0f / __builtin_sqrtf(sum(squares) / width + epsilon);
    for_each_vector(width, [&](long j, long n) {
      store_some(y + i * width + j, load_some(in + j, n) * s * load_some(gain + j, n), n);
    });
    scale[i] = s;
  });
}

// With h = x scale and e = dy gain: dx = scale (e - h mean(e h)).
static void rms_norm_gradient(long rows, long width, const float* x, const float* gain, const float* scale,
                              const float* dy, float* dx, float* dgain) {
  const long blocks = divide_up(rows, ROW_BLOCK);
  float* partial = scratch(0, SCRATCH_PARTIAL, width * larger(1, blocks));
  for_each_task(blocks, [&](long task, int) {
    float* gains = partial + task * width;
    for (long j = 0; j < width; j++) gains[j] = 0;
    const long end = smaller(rows, (task + 1) * ROW_BLOCK);
    for (long i = task * ROW_BLOCK; i < end; i++) {
      const float *in = x + i * width, *up = dy + i * width;
      const float s = scale[i];
      vf product = vf{};
      for_each_vector(width, [&](long j, long n) {
        const vf d = load_some(up + j, n), h = load_some(in + j, n) * s;
        product += d * load_some(gain + j, n) * h;
        store_some(gains + j, load_some(gains + j, n) + d * h, n);
      });
      const float mean_eh = sum(product) / width;
      for_each_vector(width, [&](long j, long n) {
        const vf h = load_some(in + j, n) * s;
        store_some(dx + i * width + j, s * (load_some(up + j, n) * load_some(gain + j, n) - h * mean_eh), n);
      });
    }
  });
  for (long j = 0; j < width; j++) {
    float g = 0;
    for (long t = 0; t < blocks; t++) g += partial[t * width + j];
    dgain[j] = g;
  }
}

// Each pair (i, i + size / 2) of the first `turned` heads of a cell by its position's angle, or back; the rest is copied.
static void rotary(const RotaryArgs& a) {
  const long pairs = a.size / 2, rest = a.turned * a.size;
  const float sign = a.back ? -1.0f : 1.0f;
  for_each_row(a.cells, [&](long cell) {
    const float* cosines = a.table + a.positions[cell] * a.size;
    const float* sines = cosines + pairs;
    const float* in = a.x + cell * a.channels;
    float* out = a.y + cell * a.channels;
    for (long head = 0; head < a.turned; head++) {
      const float *first = in + head * a.size, *second = first + pairs;
      float* to = out + head * a.size;
      for_each_vector(pairs, [&](long j, long n) {
        const vf c = load_some(cosines + j, n), s = sign * load_some(sines + j, n);
        const vf u = load_some(first + j, n), v = load_some(second + j, n);
        store_some(to + j, u * c - v * s, n);
        store_some(to + pairs + j, v * c + u * s, n);
      });
    }
    __builtin_memcpy(out + rest, in + rest, (a.channels - rest) * sizeof(float));
  });
}

// y = g sigmoid(g) u; a row of x holds the gate g, then u.
static void swiglu(long rows, long width, const float* x, float* y) {
  for_each_row(rows, [&](long i) {
    const float *gate = x + i * 2 * width, *up = gate + width;
    for_each_vector(width, [&](long j, long n) {
      const vf g = load_some(gate + j, n);
      store_some(y + i * width + j, g * sigmoid(g) * load_some(up + j, n), n);
    });
  });
}

static void swiglu_gradient(long rows, long width, const float* x, const float* dy, float* dx) {
  for_each_row(rows, [&](long i) {
    const float *gate = x + i * 2 * width, *up = gate + width, *d = dy + i * width;
    float *dgate = dx + i * 2 * width, *dup = dgate + width;
    for_each_vector(width, [&](long j, long n) {
      const vf g = load_some(gate + j, n), s = sigmoid(g), o = load_some(d + j, n);
      store_some(dgate + j, o * load_some(up + j, n) * s * (1.0f + g * (1.0f - s)), n);
      store_some(dup + j, o * g * s, n);
    });
  });
}

}  // namespace VARIANT
}  // namespace touchstone
