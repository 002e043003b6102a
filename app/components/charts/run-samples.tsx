'use client';

import { useMemo, useState } from 'react';
import { count, measure } from '../../lib/format.ts';
import type { RunSample } from '../../lib/use-run-live.ts';
import { ReadingText } from '../ui/reading-text.tsx';

/** The same prompts as the model changes: a slider over the steps that wrote samples. */
export function RunSamples({ samples, limit }: { samples: RunSample[]; limit?: number }) {
  const steps = useMemo(
    () => [...new Set(samples.map((sample) => sample.step))].sort((a, b) => a - b),
    [samples],
  );
  // Null follows the newest.
  const [chosen, setChosen] = useState<number | null>(null);
  const at = chosen === null ? steps.length - 1 : Math.min(chosen, steps.length - 1);
  const step = steps[at];
  if (step === undefined) {
    return <p className="text-quiet">No samples yet. They are written now and then as the model learns.</p>;
  }
  const shown = samples
    .filter((sample) => sample.step === step)
    .sort((a, b) => a.position - b.position)
    .slice(0, limit);
  return (
    <div className="flex flex-col gap-4">
      <label className="flex flex-wrap items-center gap-3 text-12 text-quiet">
        <span className="figures">
          Step {count(step)}, sample {at + 1} of {steps.length}
        </span>
        <input
          type="range"
          aria-label="Step of the samples"
          aria-valuetext={`step ${count(step)}`}
          min={0}
          max={steps.length - 1}
          value={at}
          onChange={(event) => {
            const next = Number(event.target.value);
            setChosen(next === steps.length - 1 ? null : next);
          }}
          className="min-w-40 flex-1 accent-gold"
        />
      </label>
      <ol className="grid gap-6 md:grid-cols-2">
        {shown.map((sample) => (
          <li key={sample.position} className="min-w-0">
            <p dir="auto" className="line-clamp-2 text-12 break-words text-quiet">
              {sample.prompt}
            </p>
            {sample.completion === '' ? (
              <p className="text-quiet">(nothing: it ended at once)</p>
            ) : (
              <ReadingText text={sample.completion} plain />
            )}
            {sample.reward !== null && (
              <p className="figures text-12 text-model-reward">reward {measure(sample.reward)}</p>
            )}
          </li>
        ))}
      </ol>
    </div>
  );
}
