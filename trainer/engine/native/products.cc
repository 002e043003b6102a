#include "products.h"

#include <cmath>
#include <ctime>
#include <initializer_list>
#include <vector>

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

#include "pool.h"

namespace touchstone {
namespace {

enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };
typedef void (*Sgemm)(int, int, int, int, int, int, float, const float*, int, const float*, int, float, float*, int);

Sgemm sgemm = nullptr;
bool blas_used = true;
bool bf16 = false;

// Below this many multiplications a call of BLAS costs more than it saves.
constexpr long LEAST_PRODUCT = 1 << 20;
// Rows or columns of a task. Not a share of the threads: the bits must not depend on their number.
constexpr long BLAS_BLOCK = 128;

bool fits_blas(const GemmArgs& g) {
  return (g.am == 1 || g.ak == 1) && (g.bk == 1 || g.bn == 1) && g.m * g.n * g.k >= LEAST_PRODUCT;
}

// One block of C, by the calling thread alone.
void blas_block(const GemmArgs& g, long row, long rows, long column, long columns) {
  const bool a_plain = g.ak == 1, b_plain = g.bn == 1;
  sgemm(ROW_MAJOR, a_plain ? PLAIN : TRANSPOSED, b_plain ? PLAIN : TRANSPOSED, (int)rows, (int)columns, (int)g.k, 1.0f,
        g.a + row * g.am, (int)(a_plain ? g.am : g.ak), g.b + column * g.bn, (int)(b_plain ? g.bk : g.bn),
        g.accumulate ? 1.0f : 0.0f, g.c + row * g.cs + column, (int)g.cs);
}

void blas_product(const GemmArgs& g) {
  const bool by_rows = g.m >= g.n;
  struct Split {
    const GemmArgs& g;
    bool by_rows;
    long length;
  } split{g, by_rows, by_rows ? g.m : g.n};
  const long tasks = (split.length + BLAS_BLOCK - 1) / BLAS_BLOCK;
  parallel(
      tasks,
      [](const void* context, long task, int) {
        const Split& s = *static_cast<const Split*>(context);
        const long from = task * BLAS_BLOCK, rest = s.length - from, count = rest < BLAS_BLOCK ? rest : BLAS_BLOCK;
        if (s.by_rows) blas_block(s.g, from, count, 0, s.g.n);
        else blas_block(s.g, 0, s.g.m, from, count);
      },
      &split);
}

#if !defined(_WIN32)

template <class F>
F symbol(void* library, const char* name) {
  return reinterpret_cast<F>(dlsym(library, name));
}

// Our threads share out the blocks, so that each call of BLAS must stay on its thread.
void keep_to_one_thread(void* library) {
  // Threading layer 1 is MKL's sequential one; it must be chosen before anything else is called.
  if (auto layer = symbol<int (*)(int)>(library, "MKL_Set_Threading_Layer")) layer(1);
  for (const char* name : {"openblas_set_num_threads", "MKL_Set_Num_Threads"})
    if (auto threads = symbol<void (*)(int)>(library, name)) threads(1);
  if (auto threads = symbol<void (*)(long)>(library, "bli_thread_set_num_threads")) threads(1);
  // Accelerate since macOS 15; 1 is BLAS_THREADING_SINGLE_THREADED.
  if (auto threading = symbol<int (*)(unsigned)>(library, "BLASSetThreading")) threading(1);
}

std::string name_of(void* library, const std::string& file) {
  if (auto config = symbol<char* (*)()>(library, "openblas_get_config")) {
    const std::string text = config();
    return text.substr(0, text.find(' ', text.find(' ') + 1));
  }
  if (symbol<void*>(library, "MKL_Set_Threading_Layer")) return "MKL";
  if (symbol<void*>(library, "bli_thread_set_num_threads")) return "BLIS";
  if (file.find("Accelerate") != std::string::npos) return "Accelerate";
  return file.substr(file.rfind('/') + 1);
}

double thread_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

// Products as a training makes them: forward, an input's gradient and a weight's.
class SampleProducts {
 public:
  SampleProducts() : a_(M * N), b_(N * N), c_(N * N) {
    uint32_t bits = 1;
    for (auto* matrix : {&a_, &b_})
      for (float& x : *matrix) {
        bits = bits * 1664525u + 1013904223u;  // Numerical Recipes' congruential generator: any numbers do
        x = (float)(int32_t)bits * 0x1p-31f;
      }
  }

  // Whether BLAS gives what our kernels give: a library may take the processor for one that it is not.
  bool agree(const Kernels& kernels) {
    for (const GemmArgs& g : shapes()) {
      kernels.gemm(g);
      const std::vector<float> ours(c_.begin(), c_.begin() + g.m * g.n);
      blas_block(g, 0, g.m, 0, g.n);
      for (size_t i = 0; i < ours.size(); i++)
        if (!(std::fabs(c_[i] - ours[i]) < 1e-3f)) return false;
    }
    return true;
  }

  // Seconds of our kernels over BLAS's.
  double speed_of_blas(const Kernels& kernels) {
    double ours = 0, theirs = 0;
    for (const GemmArgs& g : shapes()) {
      double best[2] = {1e9, 1e9};
      for (int repeat = 0; repeat < 6; repeat++)
        for (int blas = 0; blas < 2; blas++) {
          const double start = thread_seconds();
          if (blas) blas_block(g, 0, g.m, 0, g.n);
          else kernels.gemm(g);
          const double took = thread_seconds() - start;
          // The first round fills caches and scratch memory.
          if (repeat > 0 && took < best[blas]) best[blas] = took;
        }
      ours += best[0];
      theirs += best[1];
    }
    return ours / theirs;
  }

 private:
  static constexpr long M = 256, N = 384, K = 192;

  std::vector<GemmArgs> shapes() {
    return {
        {M, N, K, a_.data(), K, 1, b_.data(), N, 1, c_.data(), N},
        {M, K, N, a_.data(), N, 1, b_.data(), 1, N, c_.data(), K},
        {K, N, M, a_.data(), 1, K, b_.data(), N, 1, c_.data(), N},
    };
  }

  std::vector<float> a_, b_, c_;
};

// What BLAS must gain: a near tie would be settled by chance, and another choice is other bits.
constexpr double LEAST_GAIN = 1.25;

const char* const libraries[] = {
#if defined(__APPLE__)
    "/System/Library/Frameworks/Accelerate.framework/Accelerate",
    "libopenblas.dylib",
#else
    "libmkl_rt.so.2", "libmkl_rt.so", "libopenblas.so.0", "libopenblas.so", "libblis.so.4", "libblis.so",
#endif
};

#endif

}  // namespace

void product(const Kernels& kernels, const GemmArgs& g) {
  const bool large = g.m * g.n * g.k >= LEAST_PRODUCT;
  if (bf16 && large) {
    bf16_gemm()(g);
  } else if (sgemm && blas_used && fits_blas(g)) {
    blas_product(g);
  } else {
    kernels.gemm(g);
    return;
  }
  if (g.to_finish()) kernels.finish(g);
  if (g.b_sums) kernels.column_sums(g.k, g.n, g.b, g.b_sums);
}

std::string choose_blas(const Kernels& kernels, const std::string& request, std::string& error) {
  sgemm = nullptr;
#if !defined(_WIN32)
  if (request == "off") return "";
  const bool named = !request.empty();
  std::vector<std::string> files(libraries, libraries + sizeof libraries / sizeof *libraries);
  if (named) files = {request};
  // One thread, so that the measure is of the code and not of the barrier.
  const int threads = thread_count();
  for (const std::string& file : files) {
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      const char* reason = dlerror();
      if (named) error = reason ? reason : file;
      continue;
    }
    sgemm = symbol<Sgemm>(library, "cblas_sgemm");
    if (!sgemm) {
      if (named) error = file + " has no cblas_sgemm";
      dlclose(library);
      continue;
    }
    const std::string name = name_of(library, file);
    keep_to_one_thread(library);
    set_thread_count(1);
    SampleProducts samples;
    const bool right = samples.agree(kernels);
    const bool taken = right && (named || samples.speed_of_blas(kernels) >= LEAST_GAIN);
    set_thread_count(threads);
    if (taken) return name;
    if (named) error = name + " multiplies wrongly on this processor";
    sgemm = nullptr;
    dlclose(library);
    return "";
  }
#else
  (void)kernels;
  if (!request.empty() && request != "off") error = "this system loads no BLAS";
#endif
  return "";
}

void use_blas(bool use) { blas_used = use; }

bool set_bf16(bool on) {
  bf16 = on && bf16_gemm();
  return bf16 == on;
}

}  // namespace touchstone
