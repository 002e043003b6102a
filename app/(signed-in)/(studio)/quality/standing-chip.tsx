import { Chip, type ChipTone } from '../../../components/ui/chip.tsx';

type Standing = 'good' | 'warned' | 'paused' | 'revoked';

const looks: Record<Standing, { tone: ChipTone; mark: string; word: string }> = {
  good: { tone: 'plain', mark: '✓', word: 'in good standing' },
  warned: { tone: 'gold', mark: '!', word: 'warned' },
  paused: { tone: 'red', mark: '‖', word: 'paused' },
  revoked: { tone: 'red', mark: '✕', word: 'revoked' },
};

/** How a person stands in a project: a mark and a word, and a colour besides. */
export function StandingChip({ standing }: { standing: Standing }) {
  const { tone, mark, word } = looks[standing];
  return (
    <Chip tone={tone}>
      <span aria-hidden="true">{mark}</span>
      {word}
    </Chip>
  );
}
