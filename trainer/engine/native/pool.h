// Threads that live as long as the process, and their scratch memory.
#pragma once
#include <cstddef>

namespace touchstone {

// Threads that work on a kernel, the caller included.
int thread_count();
void set_thread_count(int count);

// Calls run(context, task, thread) once for each task in [0, tasks), on all threads, and returns when all are done.
// Which thread takes a task is left to chance: a task must write what no other task writes, and must not depend on
// the thread but for scratch memory. Then the result is the same bits whatever the number of threads.
void parallel(long tasks, void (*run)(const void* context, long task, int thread), const void* context);

// 64-byte aligned memory of a thread (or of the caller between calls to `parallel`), at least `floats` floats, valid
// until the next call with the same thread and slot. Slots: see ScratchSlot.
enum ScratchSlot { SCRATCH_A, SCRATCH_B, SCRATCH_C, SCRATCH_PARTIAL, SCRATCH_SLOTS };
float* scratch(int thread, ScratchSlot slot, size_t floats);

}  // namespace touchstone
