'use client';

import { useState } from 'react';
import { FLAGS } from '@/server/labeling/kinds/ranking/vocabulary.ts';
import type { RankingLabel } from './compare.ts';
import { MarkedText } from './marked-text.tsx';

/** Characters from which a completion can be collapsed. */
const LONG = 1800;

interface CompletionsProps {
  completions: { id: string; text: string }[];
  letter(id: string): string;
  labels: RankingLabel[];
}

/** The completions that the labels rank, to be read, each with what the labels flag in it. */
export function Completions({ completions, letter, labels }: CompletionsProps) {
  const short = completions.every(({ text }) => text.length < 420);
  return (
    <div className={`grid content-start gap-3 ${short ? 'sm:grid-cols-2' : ''}`}>
      {completions.map(({ id, text }) => (
        <Completion key={id} name={letter(id)} text={text} flagged={flagsOf(labels, id)} />
      ))}
    </div>
  );
}

function Completion({ name, text, flagged }: { name: string; text: string; flagged: string[] }) {
  const [collapsed, setCollapsed] = useState(false);
  return (
    <article aria-label={`Completion ${name}`} className="flex gap-3 rounded-one bg-surface p-4">
      <strong className="flex size-8 shrink-0 items-center justify-center rounded-one border border-edge text-17">
        {name}
      </strong>
      <div className="min-w-0 flex-1">
        <div className={collapsed ? 'max-h-40 overflow-hidden' : ''}>
          <MarkedText text={text} reference={null} />
        </div>
        {text.length > LONG && (
          <button
            type="button"
            aria-expanded={!collapsed}
            onClick={() => setCollapsed(!collapsed)}
            className="pt-2 text-12 text-gold-text underline"
          >
            {collapsed ? 'Show all' : 'Collapse'}
          </button>
        )}
        {flagged.length > 0 && (
          <ul className="pt-2 text-12 text-red">
            {flagged.map((one) => (
              <li key={one}>⚑ {one}</li>
            ))}
          </ul>
        )}
      </div>
    </article>
  );
}

/** What labels flag in a completion, each in words, with whose it is. */
function flagsOf(labels: RankingLabel[], completionId: string): string[] {
  return labels.flatMap(({ number, content }) => {
    const flags = content.ratings.find((rating) => rating.completionId === completionId)?.flags ?? [];
    return flags.length === 0 ? [] : [`Label ${number}: ${flags.map((flag) => FLAGS[flag]).join(', ')}`];
  });
}
