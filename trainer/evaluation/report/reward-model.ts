import type { Evaluation } from '../compare-models.ts';
import type { Accuracy } from '../ranked-pairs.ts';
import { chart } from './chart.ts';
import { html, type Markup } from './html.ts';
import { type Column, number, numbersBehind, rate, table } from './table.ts';

/** The reward model against rankings: accuracy by kind of pair, and whether its probabilities can be believed. */
export function rewardModelSection({ rewardModel }: Evaluation): Markup | null {
  if (!rewardModel) return null;
  const { calibration, labelers } = rewardModel;
  const filled = calibration.bins.filter(({ pairs }) => pairs > 0);
  const point = ({ predicted, observed, pairs }: (typeof filled)[number]) => ({
    x: predicted,
    y: observed,
    name: `${pairs} pairs: predicted ${predicted.toFixed(3)}, observed ${observed.toFixed(3)}`,
  });
  const lowest = Math.min(0.5, ...filled.map(({ observed }) => observed));
  const kinds: (Accuracy & { kind: string })[] = [
    { kind: 'all pairs', ...rewardModel },
    ...rewardModel.byStrength.map(({ strength, ...rest }) => ({ kind: `strength ${strength}`, ...rest })),
    ...rewardModel.byDistance.map(({ distance, ...rest }) => ({
      kind: distance === 1 ? 'neighbours in the order' : `${distance} apart in the order`,
      ...rest,
    })),
  ];
  const accuracyColumns: Column<Accuracy & { kind: string }>[] = [
    { head: 'pairs of rankings', cell: ({ kind }) => kind },
    { head: 'accuracy', cell: ({ accuracy }) => rate(accuracy.mean) },
    { head: 'low', cell: ({ accuracy }) => rate(accuracy.low) },
    { head: 'high', cell: ({ accuracy }) => rate(accuracy.high) },
    { head: 'pairs', cell: ({ pairs }) => number(pairs, 0) },
  ];
  return html`<section aria-labelledby="reward-model">
<h2 id="reward-model">The reward model</h2>
<p class="note">How often its scores order a ranked pair as people did, with 95 % intervals bootstrapped over ${rewardModel.prompts} prompts${
    labelers.pairs > 0
      ? html`; two labelers agree with each other on ${rate(labelers.rate)} of ${labelers.pairs} pairs`
      : null
  }. Calibration: when it gives its favourite a probability σ(Δ), how often do people agree?</p>
<div class="figures wide">
<div><h3>Accuracy</h3>${table('Accuracy of the reward model', kinds, accuracyColumns)}${
    rewardModel.byLabeler.length > 0
      ? html`<details><summary>By labeler</summary>${table(
          'Accuracy by labeler',
          rewardModel.byLabeler.map(({ labeler, ...rest }) => ({ kind: labeler, ...rest })),
          accuracyColumns,
        )}</details>`
      : null
  }</div>
<figure><figcaption>Calibration <span>· observed agreement</span></figcaption>
${chart({
  title: 'Calibration of the reward model: observed agreement over predicted probability',
  xLabel: 'predicted probability',
  x: [0.5, 1],
  y: [Math.floor(lowest * 10) / 10, 1],
  even: 'diagonal',
  marks: [
    { label: '', hue: 'reward', form: 'line', points: filled.map(point) },
    { label: 'reward model', hue: 'reward', form: 'dots', points: filled.map(point) },
  ],
})}
<p>Expected calibration error ${rate(calibration.expectedError)}, Brier score ${number(calibration.brier)} (0.25 says nothing), log loss ${number(calibration.logLoss)} nats a pair (0.693 says nothing).</p>
${numbersBehind('Calibration of the reward model', filled, [
  { head: 'probability', cell: ({ from, to }) => `${from.toFixed(2)} to ${to.toFixed(2)}` },
  { head: 'pairs', cell: ({ pairs }) => number(pairs, 0) },
  { head: 'predicted', cell: ({ predicted }) => rate(predicted) },
  { head: 'observed', cell: ({ observed }) => rate(observed) },
])}</figure>
</div>
</section>`;
}
