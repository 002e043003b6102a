#include "pool.h"

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#define PAUSE() _mm_pause()
#else
#define PAUSE() std::this_thread::yield()
#endif

namespace touchstone {
namespace {

// How often a waiting thread looks before it sleeps: some 100 microseconds, what JavaScript takes between two kernels of a
// step. A thread that sleeps takes as long again to wake.
constexpr int SPINS = 5000;

struct Buffer {
  float* data = nullptr;
  size_t floats = 0;
};

class Pool {
 public:
  static Pool& instance() {
    // Never destroyed: workers may still sleep in it when the process ends.
    static Pool* pool = new Pool();
    return *pool;
  }

  int threads() const { return threads_; }

  void resize(int count) {
    stop();
    threads_ = count < 1 ? 1 : count;
    scratch_.resize(threads_);
    stopping_ = false;
    for (int i = 1; i < threads_; i++) workers_.emplace_back([this, i] { work(i); });
  }

  void run(long tasks, void (*function)(const void*, long, int), const void* context) {
    if (threads_ == 1 || tasks <= 1) {
      for (long i = 0; i < tasks; i++) function(context, i, 0);
      return;
    }
    function_ = function;
    context_ = context;
    tasks_ = tasks;
    next_.store(0, std::memory_order_relaxed);
    busy_.store(threads_ - 1, std::memory_order_relaxed);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      generation_.fetch_add(1, std::memory_order_release);
    }
    if (sleeping_.load(std::memory_order_acquire) > 0) wake_.notify_all();
    take(0);
    for (int spin = 0; busy_.load(std::memory_order_acquire) > 0; spin++) {
      if (spin < SPINS) PAUSE();
      else std::this_thread::yield();
    }
  }

  float* scratch(int thread, ScratchSlot slot, size_t floats) {
    Buffer& buffer = scratch_[thread].slots[slot];
    if (buffer.floats < floats) {
      std::free(buffer.data);
      size_t bytes = (floats * sizeof(float) + 4095) / 4096 * 4096;
      buffer.data = static_cast<float*>(std::aligned_alloc(64, bytes));
      if (!buffer.data) throw std::bad_alloc();
      buffer.floats = bytes / sizeof(float);
    }
    return buffer.data;
  }

 private:
  struct Scratch {
    Buffer slots[SCRATCH_SLOTS];
  };

  void take(int thread) {
    for (;;) {
      long task = next_.fetch_add(1, std::memory_order_relaxed);
      if (task >= tasks_) return;
      function_(context_, task, thread);
    }
  }

  void work(int thread) {
    long seen = generation_at_start_;
    for (;;) {
      for (int spin = 0; spin < SPINS && generation_.load(std::memory_order_acquire) == seen; spin++) PAUSE();
      if (generation_.load(std::memory_order_acquire) == seen) {
        std::unique_lock<std::mutex> lock(mutex_);
        sleeping_.fetch_add(1);
        wake_.wait(lock, [&] { return generation_.load(std::memory_order_acquire) != seen; });
        sleeping_.fetch_sub(1);
      }
      seen = generation_.load(std::memory_order_acquire);
      if (stopping_) return;
      take(thread);
      busy_.fetch_sub(1, std::memory_order_acq_rel);
    }
  }

  void stop() {
    if (!workers_.empty()) {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        stopping_ = true;
        generation_.fetch_add(1, std::memory_order_release);
      }
      wake_.notify_all();
      for (auto& worker : workers_) worker.join();
      workers_.clear();
    }
    generation_at_start_ = generation_.load();
  }

  int threads_ = 1;
  std::vector<std::thread> workers_;
  std::vector<Scratch> scratch_ = std::vector<Scratch>(1);
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<long> generation_{0};
  std::atomic<int> sleeping_{0};
  std::atomic<long> next_{0};
  std::atomic<int> busy_{0};
  long generation_at_start_ = 0;
  bool stopping_ = false;
  void (*function_)(const void*, long, int) = nullptr;
  const void* context_ = nullptr;
  long tasks_ = 0;
};

}  // namespace

int thread_count() { return Pool::instance().threads(); }
void set_thread_count(int count) { Pool::instance().resize(count); }
void parallel(long tasks, void (*run)(const void*, long, int), const void* context) {
  Pool::instance().run(tasks, run, context);
}
float* scratch(int thread, ScratchSlot slot, size_t floats) {
  return Pool::instance().scratch(thread, slot, floats);
}

}  // namespace touchstone
