// Drawing tokens, in double precision: the sums run in the order of sampleTokensReference in ops/sample-tokens.ts.
#include <algorithm>
#include <cmath>
#include <cstring>
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
  std::vector<uint64_t> ranks;

  int32_t draw(double uniform) {
    long best = 0;
    for (long i = 1; i < width; i++)
      if (logits[i] > logits[best]) best = i;
    if (temperature == 0) return (int32_t)best;
    const double top = logits[best];
    weights.resize(width);
    for (long i = 0; i < width; i++) weights[i] = std::exp(((double)logits[i] - top) / temperature);
    if ((top_k > 0 && top_k < width) || top_p < 1) {
      restrict_kept();
    } else {
      kept.resize(width);
      for (long i = 0; i < width; i++) kept[i] = (int32_t)i;
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

  // Sorts as the likelier tokens do, of equals those with the smaller id first.
  uint64_t rank_of(long i) const {
    uint32_t bits;
    const float logit = logits[i] + 0.0f;  // -0 equals 0
    std::memcpy(&bits, &logit, sizeof bits);
    const uint32_t rising = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return (uint64_t)~rising << 32 | (uint64_t)i;
  }

  // kept = the tokens that top-k and then top-p leave, by id.
  void restrict_kept() {
    const bool by_mass = top_p < 1;
    ranks.resize(width);
    for (long i = 0; i < width; i++) ranks[i] = rank_of(i);
    double mass = 0;
    if (top_k > 0 && top_k < width) {
      std::nth_element(ranks.begin(), ranks.begin() + top_k, ranks.end());
      ranks.resize(top_k);
    } else {
      for (double weight : weights) mass += weight;
      // All tokens below this together weigh less than what top-p leaves out, so it stops before them: most need no sorting.
      const double least = 0.5 * (1 - top_p) * mass / width;
      ranks.erase(std::remove_if(ranks.begin(), ranks.end(),
                                 [&](uint64_t rank) { return weights[(uint32_t)rank] < least; }),
                  ranks.end());
    }
    size_t count = ranks.size();
    if (by_mass) {
      std::sort(ranks.begin(), ranks.end());
      if (mass == 0)
        for (uint64_t rank : ranks) mass += weights[(uint32_t)rank];
      double total = 0;
      count = 0;
      while (count < ranks.size() && (count == 0 || total < top_p * mass)) total += weights[(uint32_t)ranks[count++]];
    }
    const uint64_t last = by_mass ? ranks[count - 1] : *std::max_element(ranks.begin(), ranks.end());
    kept.clear();
    for (long i = 0; i < width; i++)
      if (rank_of(i) <= last) kept.push_back((int32_t)i);
  }
};

// Changes the logits of tokens that were there already, as `penalise` in ops/penalties.ts does, and puts them back.
class Penalised {
 public:
  Penalised(const Sampling& s, float* logits, const int32_t* tokens, long prompt, long made) : logits_(logits) {
    if (s.repetition == 1 && s.frequency == 0 && s.presence == 0) return;
    // Of each token how often the completion has it, UNSEEN for those that are not there; kept for its memory.
    thread_local std::vector<int32_t> counts;
    for (long i = 0; i < prompt + made; i++) {
      if ((size_t)tokens[i] >= counts.size()) counts.resize(tokens[i] + 1, UNSEEN);
      int32_t& count = counts[tokens[i]];
      if (count == UNSEEN) count = 0;
      if (i >= prompt) count++;
    }
    for (long i = 0; i < prompt + made; i++) {
      int32_t& count = counts[tokens[i]];
      if (count == UNSEEN) continue;
      float& place = logits[tokens[i]];
      changed_.push_back({tokens[i], place});
      double logit = place;
      logit = logit < 0 ? logit * s.repetition : logit / s.repetition;
      logit -= count * s.frequency;
      if (count > 0) logit -= s.presence;
      place = (float)logit;
      count = UNSEEN;
    }
  }
  ~Penalised() {
    for (const Change& change : changed_) logits_[change.token] = change.before;
  }

 private:
  static constexpr int32_t UNSEEN = -1;
  struct Change {
    int32_t token;
    float before;
  };
  float* logits_;
  std::vector<Change> changed_;
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

int32_t draw_token(const Sampling& s, float* logits, double uniform, const int32_t* tokens, long prompt, long made) {
  const Penalised penalised(s, logits, tokens, prompt, made);
  return sample_token(s.vocabulary, logits, uniform, s.temperature, s.top_k, s.top_p);
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
