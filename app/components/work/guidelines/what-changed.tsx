'use client';

import { useMemo, useState } from 'react';
import { Button } from '../../ui/button.tsx';
import { changes, folded, type Piece } from './changes.ts';

/** Two versions of the guidelines as one text: what went struck through, what came underlined, the rest folded. */
export default function WhatChanged({ before, after }: { before: string; after: string }) {
  const [whole, setWhole] = useState(false);
  const pieces = useMemo(() => changes(before, after), [before, after]);
  const shown = pieces.map((piece, index) => ({
    ...piece,
    key: `${index} ${piece.change}`,
    place: placeOf(index, pieces.length),
  }));
  const folds = shown.some(({ text, change, place }) => change === 'same' && folded(text, place)[1] > 0);
  if (pieces.every(({ change }) => change === 'same')) {
    return <p className="text-quiet">The words are the same in both versions.</p>;
  }
  return (
    <div className="flex flex-col items-start gap-3">
      <p className="text-12 text-quiet">
        <ins className={LOOK.added}>Underlined</ins> is new,{' '}
        <del className={LOOK.removed}>struck through</del> is gone.
      </p>
      <div dir="auto" className="reading whitespace-pre-wrap">
        {shown.map((piece) => (
          <Stretch key={piece.key} piece={piece} place={piece.place} whole={whole} />
        ))}
      </div>
      {(folds || whole) && (
        <Button small onClick={() => setWhole(!whole)}>
          {whole ? 'Show only what changed' : 'Show the whole text'}
        </Button>
      )}
    </div>
  );
}

const LOOK = {
  added: 'bg-gold-wash text-ink underline decoration-gold decoration-2 underline-offset-4',
  removed: 'text-quiet line-through',
};

function placeOf(index: number, count: number): 'first' | 'between' | 'last' {
  if (index === 0) return 'first';
  return index === count - 1 ? 'last' : 'between';
}

function Stretch({
  piece,
  place,
  whole,
}: {
  piece: Piece;
  place: 'first' | 'between' | 'last';
  whole: boolean;
}) {
  const { text, change } = piece;
  if (change === 'added') return <ins className={LOOK.added}>{text}</ins>;
  if (change === 'removed') return <del className={LOOK.removed}>{text}</del>;
  const [head, left, tail] = whole ? [text, 0, ''] : folded(text, place);
  if (left === 0) return <span>{text}</span>;
  return (
    <span>
      {head}
      <span className="block py-2 font-sans text-12 text-quiet">{left} lines stay as they were</span>
      {tail}
    </span>
  );
}
