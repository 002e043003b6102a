// Which rows hold which slots, and which of their cells the next pass takes. A prompt that several rows have is read by
// one of them and copied by the others, within the slots of a thread.
#pragma once
#include "decode_blocks.h"

namespace touchstone {
namespace VARIANT {

// The next row of a group that waits, or -1.
static int32_t take_row_of(const DecodeArgs& a, long group) {
  if (__atomic_load_n(a.group_next + group, __ATOMIC_RELAXED) >= a.group_rows[group + 1]) return -1;
  const int32_t row = __atomic_fetch_add(a.group_next + group, 1, __ATOMIC_RELAXED);
  if (row >= a.group_rows[group + 1]) return -1;
  __atomic_fetch_sub(a.waiting, 1, __ATOMIC_RELAXED);
  return row;
}

// The next row for `slot` among slots [from, to), or -1: one whose prompt it has already, else one whose prompt another of
// these slots has, else one of a new group, else any.
static int32_t take_row(const DecodeArgs& a, long slot, long from, long to) {
  if (__atomic_load_n(a.waiting, __ATOMIC_RELAXED) <= 0) return -1;
  int32_t row = a.slot_groups[slot] < 0 ? -1 : take_row_of(a, a.slot_groups[slot]);
  for (long other = from; other < to && row < 0; other++)
    if (a.slot_groups[other] >= 0) row = take_row_of(a, a.slot_groups[other]);
  while (row < 0 && __atomic_load_n(a.next_group, __ATOMIC_RELAXED) < a.groups) {
    const long group = __atomic_fetch_add(a.next_group, 1, __ATOMIC_RELAXED);
    if (group < a.groups) row = take_row_of(a, group);
  }
  for (long group = 0; group < a.groups && row < 0; group++) row = take_row_of(a, group);
  return row;
}

// Cells of a prompt that its rows can share: the last is read by each, for what comes after it.
INLINE long shared_cells(const DecodeArgs& a, long slot) { return a.lengths[a.slot_rows[slot]] - 1; }

// Whether the row of a slot has read nothing yet of a prompt that it may share.
INLINE bool is_fresh(const DecodeArgs& a, long slot) { return a.slot_cells[slot] == 0 && shared_cells(a, slot) > 0; }

// Copies a fresh row's prompt from another slot of [from, to) that has read it, if there is one.
static void copy_prompt(const Decoder& d, long slot, long from, long to) {
  const DecodeArgs& a = d.args;
  const long cells = shared_cells(a, slot);
  long source = from;
  while (source < to && (source == slot || a.slot_groups[source] != a.slot_groups[slot] || a.slot_cells[source] < cells))
    source++;
  if (source == to) return;
  for (long layer = 0; layer < a.shape.layers; layer++)
    for (long head = 0; head < a.shape.kv_heads; head++) {
      const CachedHead read = head_at(d, layer, source, head), write = head_at(d, layer, slot, head);
      __builtin_memcpy(write.keys, read.keys, padded(cells, BLOCK) * read.room * sizeof(float));
      __builtin_memcpy(write.values, read.values, cells * read.room * sizeof(float));
    }
  a.slot_cells[slot] = (int32_t)cells;
}

// Whether another slot of [from, to) is reading the prompt of a fresh row: then that row waits for its end.
static bool is_being_read(const DecodeArgs& a, long slot, long from, long to) {
  for (long other = from; other < to; other++)
    if (other != slot && a.slot_rows[other] >= 0 && a.slot_groups[other] == a.slot_groups[slot] && a.slot_cells[other] > 0)
      return true;
  return false;
}

// Gives free slots of [from, to) to rows that wait.
static void fill_slots(const Decoder& d, long from, long to) {
  const DecodeArgs& a = d.args;
  // First those that wait for another slot's prompt: it may be gone once that slot has a new row.
  for (long slot = from; slot < to; slot++)
    if (a.slot_rows[slot] >= 0 && is_fresh(a, slot)) copy_prompt(d, slot, from, to);
  for (long slot = from; slot < to; slot++) {
    if (a.slot_rows[slot] >= 0) continue;
    const int32_t row = take_row(a, slot, from, to);
    if (row < 0) continue;
    a.slot_rows[slot] = row;
    if (a.slot_groups[slot] == a.row_groups[row]) {
      a.slot_cells[slot] = (int32_t)smaller(a.slot_cells[slot], shared_cells(a, slot));
      continue;
    }
    a.slot_groups[slot] = a.row_groups[row];
    a.slot_cells[slot] = 0;
    if (is_fresh(a, slot)) copy_prompt(d, slot, from, to);
  }
}

// The cells of the next pass over slots [from, to); none when their rows are done and no row waits.
static void gather_cells(Decoder& d, long from, long to) {
  const DecodeArgs& a = d.args;
  fill_slots(d, from, to);
  d.count = 0;
  for (long slot = from; slot < to && d.count < PASS_CELLS; slot++) {
    const int32_t row = a.slot_rows[slot];
    if (row < 0 || (is_fresh(a, slot) && is_being_read(a, slot, from, to))) continue;
    const long have = a.lengths[row] + a.made[row];
    while (a.slot_cells[slot] < have && d.count < PASS_CELLS) {
      const int32_t position = a.slot_cells[slot]++;
      d.cells[d.count++] =
          Cell{(int32_t)slot, row, position, a.tokens[row * (a.capacity + 1) + position], position == have - 1};
    }
  }
}

}  // namespace VARIANT
}  // namespace touchstone
