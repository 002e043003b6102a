'use client';

import { useState } from 'react';
import { ChoiceChip } from '../../../../components/ui/chip.tsx';
import { Section } from '../../../../components/ui/page-frame.tsx';
import type { AnyKind } from '../../../../components/work/kinds/kinds.ts';
import { difference } from '../../../../components/work/kinds/ranking/difference.ts';
import { VerdictsGiven } from '../../../../components/work/verdicts-given.tsx';
import { dateTime } from '../../../../lib/format.ts';
import type { Outputs } from '../../../../lib/trpc.ts';

type Detail = Outputs['labeling']['historyItem'];

/** Every version of a label, newest first, with what reviews said and what each changed. */
export function Versions({ label, kind }: { label: Detail; kind: AnyKind }) {
  const [marked, setMarked] = useState(false);
  if (label.versions.length === 0) return null;
  const words = (version: Detail['versions'][number]) =>
    kind.describe(label, kind.fromContent(version.content));
  return (
    <Section
      title="Versions"
      actions={
        label.versions.length > 1 && (
          <ChoiceChip pressed={marked} onToggle={() => setMarked(!marked)}>
            Mark what changed
          </ChoiceChip>
        )
      }
    >
      <ol className="flex flex-col gap-6">
        {label.versions.map((version, index) => {
          const before = label.versions[index + 1];
          return (
            <li key={version.labelId} className="flex flex-col gap-1">
              <p className="text-12 text-quiet">
                Version {version.version} · {dateTime(version.createdAt)} UTC
                {version.supersededAt ? ' · superseded, kept' : ' · current'}
              </p>
              {marked && before ? (
                <Changed text={words(version)} before={words(before)} />
              ) : (
                <kind.View subject={label} content={version.content} />
              )}
              <VerdictsGiven verdicts={version.verdicts} />
            </li>
          );
        })}
      </ol>
    </Section>
  );
}

/** A version's words: what it brought is underlined, what it took out is struck through above it. */
function Changed({ text, before }: { text: string; before: string }) {
  const gone = difference(before, text).filter(({ same, text: words }) => !same && words.trim() !== '');
  let at = 0;
  return (
    <div className="flex flex-col gap-1">
      {gone.length > 0 && (
        <p dir="auto" className="max-w-[72ch] break-words text-quiet">
          <span className="text-12">Taken out: </span>
          {gone.map(({ text: words }, index) => (
            <span key={places(gone, index)}>
              {index > 0 && ' … '}
              <del>{words.trim()}</del>
            </span>
          ))}
        </p>
      )}
      <p dir="auto" className="reading break-words whitespace-pre-wrap">
        {difference(text, before).map((stretch) => {
          const key = at;
          at += stretch.text.length;
          return stretch.same ? (
            <span key={key}>{stretch.text}</span>
          ) : (
            <ins key={key} className="bg-gold-wash decoration-gold decoration-2 underline-offset-4">
              {stretch.text}
            </ins>
          );
        })}
      </p>
    </div>
  );
}

/** Where a stretch begins, as its key. */
function places(stretches: { text: string }[], index: number): number {
  return stretches.slice(0, index).reduce((sum, { text }) => sum + text.length + 1, 0);
}
