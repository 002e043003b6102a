// Drawing tokens, in double precision: the sums run in the order of sampleTokensReference in ops/sample-tokens.ts.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels.h"
#include "pool.h"

namespace touchstone {
namespace {

struct Sampler {
  const float* logits;
  long width;
  double temperature;
  long top_k;
  double top_p;
  std::vector<int32_t> kept;
  std::vector<double> weights;

  int32_t draw(double uniform) {
    long best = 0;
    for (long i = 1; i < width; i++)
      if (logits[i] > logits[best]) best = i;
    if (temperature == 0) return (int32_t)best;
    const double top = logits[best];
    weights.resize(width);
    for (long i = 0; i < width; i++) weights[i] = std::exp(((double)logits[i] - top) / temperature);
    const bool by_rank = top_k > 0 && top_k < width, by_mass = top_p < 1;
    kept.resize(width);
    for (long i = 0; i < width; i++) kept[i] = (int32_t)i;
    if (by_rank || by_mass) {
      const auto likelier = [this](int32_t a, int32_t b) {
        return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
      };
      const long count = by_rank ? top_k : width;
      std::partial_sort(kept.begin(), kept.begin() + count, kept.end(), likelier);
      kept.resize(count);
      if (by_mass) keep_mass();
      std::sort(kept.begin(), kept.end());
    }
    double mass = 0;
    for (int32_t i : kept) mass += weights[i];
    double left = uniform * mass;
    int32_t last = (int32_t)best;
    for (int32_t i : kept) {
      if (weights[i] > 0) last = i;
      left -= weights[i];
      if (left < 0) return i;
    }
    return last;
  }

  void keep_mass() {
    double mass = 0, total = 0;
    for (int32_t i : kept) mass += weights[i];
    size_t count = 0;
    while (count < kept.size() && (count == 0 || total < top_p * mass)) total += weights[kept[count++]];
    kept.resize(count);
  }
};

struct Work {
  long width;
  const float* logits;
  const double* uniforms;
  double temperature;
  long top_k;
  double top_p;
  int32_t* out;
};

}  // namespace

int32_t sample_token(long width, const float* logits, double uniform, double temperature, long top_k, double top_p) {
  // A NaN would break the order that sorting needs; such a row gives token 0, and its log-probability is NaN.
  for (long i = 0; i < width; i++)
    if (std::isnan(logits[i])) return 0;
  // Kept from row to row for its memory.
  thread_local Sampler sampler;
  sampler.logits = logits;
  sampler.width = width;
  sampler.temperature = temperature;
  sampler.top_k = top_k;
  sampler.top_p = top_p;
  return sampler.draw(uniform);
}

void sample_tokens(long rows, long width, const float* logits, const double* uniforms, double temperature, long top_k,
                   double top_p, int32_t* out) {
  const Work work{width, logits, uniforms, temperature, top_k, top_p, out};
  parallel(
      rows,
      [](const void* context, long row, int) {
        const Work& w = *static_cast<const Work*>(context);
        const float* logits = w.logits + row * w.width;
        w.out[row] = sample_token(w.width, logits, w.uniforms[row], w.temperature, w.top_k, w.top_p);
      },
      &work);
}

}  // namespace touchstone
