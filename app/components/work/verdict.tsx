import { Chip } from '../ui/chip.tsx';

/** A reviewer's verdict: a mark, a word, and a colour besides. */
export function Verdict({ verdict }: { verdict: 'accepted' | 'rejected' }) {
  return verdict === 'accepted' ? (
    <Chip tone="green">
      <span aria-hidden="true">✓</span> accepted
    </Chip>
  ) : (
    <Chip tone="red">
      <span aria-hidden="true">✕</span> rejected
    </Chip>
  );
}
