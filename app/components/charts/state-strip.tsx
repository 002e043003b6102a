import { count } from '../../lib/format.ts';
import type { Outputs } from '../../lib/trpc.ts';

type Round = Outputs['rounds']['get'];

/** What the states are called. */
export const STATE_NAMES: Record<string, string> = {
  demonstrations: 'demonstrations',
  sft: 'SFT',
  sampling: 'sampling',
  ranking: 'ranking',
  reward: 'reward',
  ppo: 'PPO',
  evaluation: 'evaluation',
  done: 'done',
};

/** The round's states in a row: what is done, where it is, what comes, and how far each gate is. */
export function StateStrip({ round }: { round: Pick<Round, 'states' | 'status'> }) {
  return (
    <ol aria-label="States of the round" className="flex flex-wrap gap-x-1 gap-y-3">
      {round.states
        .filter((one) => one.state !== 'done')
        .map((one, index) => {
          const failed = one.phase === 'current' && round.status === 'failed';
          const mark = failed ? '✕' : one.phase === 'done' ? '✓' : one.phase === 'current' ? '◐' : '○';
          const tone = failed
            ? 'text-red border-red'
            : one.phase === 'done'
              ? 'text-green border-green'
              : one.phase === 'current'
                ? 'text-gold-text border-gold'
                : 'text-quiet border-line';
          return (
            <li
              key={one.state}
              aria-current={one.phase === 'current' ? 'step' : undefined}
              className={`min-w-fit grow basis-20 border-t-4 pt-1 pr-3 ${tone}`}
            >
              <p className={`text-14 whitespace-nowrap ${one.phase === 'current' ? 'font-strong' : ''}`}>
                <span className="sr-only">{index + 1}. </span>
                {STATE_NAMES[one.state]} <span aria-hidden="true">{mark}</span>
                <span className="sr-only">{failed ? 'failed' : one.phase}</span>
              </p>
              {one.progress && one.progress.want !== 0 && (
                <p className="figures text-12 text-quiet">
                  {count(one.progress.have)}
                  {one.progress.want === null ? '' : `/${count(one.progress.want)}`}{' '}
                  <span className="sr-only">{one.progress.unit}</span>
                </p>
              )}
            </li>
          );
        })}
    </ol>
  );
}
