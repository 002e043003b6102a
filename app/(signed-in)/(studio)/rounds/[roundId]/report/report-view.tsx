'use client';

import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { BarFigure } from '../../../../../components/charts/bar-figure.tsx';
import { IntervalFigure, type IntervalPoint } from '../../../../../components/charts/interval-figure.tsx';
import { STATE_NAMES } from '../../../../../components/charts/state-strip.tsx';
import { MODEL_NAMES, ModelChip } from '../../../../../components/ui/chip.tsx';
import { Facts, Page, Section } from '../../../../../components/ui/page-frame.tsx';
import { ReadingText } from '../../../../../components/ui/reading-text.tsx';
import { LoadedPage } from '../../../../../components/ui/states.tsx';
import { Table } from '../../../../../components/ui/table.tsx';
import { count, dateTime, duration, measure, percent, percentWithin } from '../../../../../lib/format.ts';
import { type Outputs, useTRPC } from '../../../../../lib/trpc.ts';

type Report = Outputs['rounds']['report']['report'];
type Slot = 'base' | 'sft' | 'ppo';
const SLOTS: Slot[] = ['base', 'sft', 'ppo'];
const share = (value: number) => percent(value);

/** The end of a round: what people preferred, and whether the reward model saw it coming. */
export function ReportView({ roundId }: { roundId: string }) {
  const trpc = useTRPC();
  const query = useQuery(trpc.rounds.report.queryOptions({ roundId }, { retry: false }));
  return (
    <LoadedPage query={query} title="Report">
      {({ round, report }) => (
        <Page
          over={
            <>
              <Link href="/rounds">Rounds</Link> ▸ <Link href={`/rounds/${roundId}`}>{round.name}</Link>
            </>
          }
          title={`Report of ${round.name || `round ${round.number}`}`}
          lead={
            round.finishedAt
              ? `Finished ${dateTime(round.finishedAt)}. ${headline(report)}`
              : headline(report)
          }
        >
          {report.overOptimised && (
            <p role="alert" className="rounded-one border border-red p-4 text-red">
              <strong>Over-optimised.</strong> The reward model’s score rose, and people preferred the SFT
              model’s answers. Stop PPO earlier, raise the KL coefficient, or gather fresh rankings of this
              policy.
            </p>
          )}
          <Preferences report={report} />
          <Gold report={report} />
          <RewardModel report={report} />
          <Section title="How far the policy moved">
            <div className="grid gap-8 md:grid-cols-2">
              <BarFigure
                title="Entropy"
                unit="nats per token, lower is more decided"
                bars={SLOTS.map((slot) => ({
                  label: MODEL_NAMES[slot],
                  kind: slot,
                  value: report.entropy[slot],
                }))}
                format={measure}
              />
              <BarFigure
                title="Time in each state"
                unit="wall clock"
                bars={Object.entries(report.seconds).map(([state, value]) => ({
                  label: state === 'pretrain' ? 'pretraining' : (STATE_NAMES[state] ?? state),
                  kind:
                    ({ pretrain: 'base', sft: 'sft', reward: 'reward', ppo: 'ppo' } as const)[state] ??
                    'people',
                  value,
                }))}
                format={duration}
              />
            </div>
            <Facts
              facts={[
                { name: 'KL to the SFT model', value: `${measure(report.kl)} nats per completion` },
                { name: 'Demonstrations', value: count(report.labels.demonstrations) },
                { name: 'Rankings', value: count(report.labels.rankings) },
                { name: 'Blind votes', value: count(report.labels.votes) },
                { name: 'Labelers', value: count(report.labels.labelers) },
                { name: 'Runs picked up again', value: count(report.resumed) },
              ]}
            />
            <Table
              caption="The answers themselves"
              showCaption
              rows={SLOTS}
              rowKey={(slot) => slot}
              columns={[
                { head: 'Model', cell: (slot) => <ModelLine report={report} slot={slot} /> },
                {
                  head: 'Ended by themselves',
                  numeric: true,
                  cell: (slot) => percent(report.finished[slot]),
                },
                { head: 'Tokens', numeric: true, cell: (slot) => measure(report.length[slot]) },
                {
                  head: 'Different bigrams',
                  numeric: true,
                  cell: (slot) => percent(report.distinctBigrams[slot]),
                },
                { head: 'Entropy, nats', numeric: true, cell: (slot) => measure(report.entropy[slot]) },
              ]}
            />
          </Section>
          <Samples report={report} />
        </Page>
      )}
    </LoadedPage>
  );
}

/** The result in a sentence. */
function headline(report: Report): string {
  const vote = report.preferences.find((one) => one.model === 'ppo' && one.over === 'sft');
  if (!vote) return 'Nobody voted in this round.';
  return `People preferred PPO over SFT in ${percentWithin(vote)} of ${count(vote.votes)} blind votes.`;
}

function ModelLine({ report, slot }: { report: Report; slot: Slot }) {
  const model = report.models[slot];
  return (
    <span className="flex items-center gap-2">
      <ModelChip kind={slot} />
      {model && (
        <Link href={`/models/${model.id}`} className="max-w-56 truncate hover:underline">
          {model.name}
        </Link>
      )}
    </span>
  );
}

function Preferences({ report }: { report: Report }) {
  const points = report.preferences.map(
    (one): IntervalPoint => ({
      label: `${MODEL_NAMES[one.model]} over ${MODEL_NAMES[one.over]}`,
      note: `${count(one.votes)} votes`,
      kind: one.model,
      mean: one.mean,
      low: one.low,
      high: one.high,
    }),
  );
  return (
    <Section title="What people prefer">
      {points.length === 0 ? (
        <p className="text-quiet">
          No vote was asked for in this round, so there is no human preference to show.
        </p>
      ) : (
        <IntervalFigure
          title="Win rate by model"
          axis="share of blind votes won, ties as half"
          range={[0, 1]}
          reference={{ value: 0.5, label: 'no preference' }}
          points={points}
          format={share}
        >
          Labelers saw the answers to held-out prompts without names, in shuffled order. Whiskers are 95 %
          intervals, bootstrapped over prompts.
        </IntervalFigure>
      )}
    </Section>
  );
}

function Gold({ report }: { report: Report }) {
  const { gold } = report;
  if (!gold) return null;
  return (
    <Section title="Gold scores">
      <div className="grid gap-8 xl:grid-cols-2">
        <IntervalFigure
          title="Gold score by model"
          axis="mean of the rubric, 0 to 1"
          range={[0, 1]}
          points={SLOTS.map((slot) => ({ label: MODEL_NAMES[slot], kind: slot, ...gold.score[slot] }))}
          format={(value) => value.toFixed(2)}
        >
          The demo world knows its own rubric: helpful, truthful, harmless. Whiskers are 95 % intervals over
          prompts.
        </IntervalFigure>
        <IntervalFigure
          title="Gold win rate"
          axis="share of prompts where the rubric prefers the first, ties as half"
          range={[0, 1]}
          reference={{ value: 0.5, label: 'no preference' }}
          points={[
            { label: 'SFT over base', kind: 'sft', ...gold.winRate.sftOverBase },
            { label: 'PPO over SFT', kind: 'ppo', ...gold.winRate.ppoOverSft },
            { label: 'PPO over base', kind: 'ppo', ...gold.winRate.ppoOverBase },
          ]}
          format={share}
        />
      </div>
    </Section>
  );
}

function RewardModel({ report }: { report: Report }) {
  const { accuracy, labelerAgreement } = report.rewardModel;
  const points: IntervalPoint[] = [
    ...(accuracy
      ? [{ label: 'Reward model', note: 'agrees with labelers', kind: 'reward' as const, ...accuracy }]
      : []),
    ...(labelerAgreement
      ? [
          {
            label: 'Another labeler',
            note: `${count(labelerAgreement.pairs)} pairs`,
            kind: 'people' as const,
            mean: labelerAgreement.mean,
            low: labelerAgreement.low,
            high: labelerAgreement.high,
          },
        ]
      : []),
  ];
  return (
    <Section title="The reward model">
      <div className="grid gap-8 xl:grid-cols-2">
        {points.length > 0 ? (
          <IntervalFigure
            title="Accuracy beside human agreement"
            axis="share of held-out pairs agreed on"
            range={[0.4, 1]}
            reference={{ value: 0.5, label: 'chance' }}
            points={points}
            format={share}
          >
            A reward model cannot be expected to agree with a labeler more than another labeler does.
          </IntervalFigure>
        ) : (
          <p className="text-quiet">No prompt was held out, so its accuracy was not measured.</p>
        )}
        <IntervalFigure
          title="Reward-model score by model"
          axis="normalised score"
          points={SLOTS.map((slot) => ({
            label: MODEL_NAMES[slot],
            kind: slot,
            ...report.rewardScore[slot],
          }))}
          format={measure}
        >
          What PPO optimised. It counts only as far as people agree with it, above.
        </IntervalFigure>
      </div>
    </Section>
  );
}

function Samples({ report }: { report: Report }) {
  if (report.samples.length === 0) return null;
  return (
    <Section title="The same prompts, three models">
      <ol className="flex flex-col gap-8">
        {report.samples.map((sample) => (
          <li key={sample.prompt} className="flex flex-col gap-2">
            <ReadingText text={sample.prompt} />
            <dl className="grid gap-4 md:grid-cols-3">
              {SLOTS.map((slot) => (
                <div key={slot} className="min-w-0">
                  <dt>
                    <ModelChip kind={slot} />
                  </dt>
                  <dd className="pt-1">
                    <ReadingText text={sample.answers[slot] || '(nothing)'} plain />
                  </dd>
                </div>
              ))}
            </dl>
          </li>
        ))}
      </ol>
    </Section>
  );
}
