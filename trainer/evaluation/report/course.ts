import type { CoursePoint, Evaluation } from '../compare-models.ts';
import { type GoldFit, goldAt } from '../over-optimization.ts';
import { chart, type Mark } from './chart.ts';
import { html, type Markup } from './html.ts';
import { number, numbersBehind } from './table.ts';

/** Proxy and gold reward over √KL: how far optimisation helps, and where it begins to deceive. */
export function courseSection({ course, models }: Evaluation): Markup | null {
  if (!course) return null;
  const start = models.find(({ name }) => name === course.reference);
  const figures = [
    course.policies.length > 0
      ? figure(`Reinforcement learning from ${course.reference}`, course.policies, course.policyFit, start)
      : null,
    course.bestOfN.length > 0
      ? figure(`Best of n samples of ${course.reference}`, course.bestOfN, course.bestOfNFit, start)
      : null,
  ];
  return html`<section aria-labelledby="course">
<h2 id="course">Proxy and gold over √KL</h2>
<p class="note">The reward model is a proxy. Where its score rises and the gold reward falls, the policy is over-optimised (Gao et al. 2022). Change from ${course.reference}, over the square root of KL in nats per completion: k3 for policies, ln n − (n − 1)/n for best-of-n.</p>
<div class="figures wide">${figures}</div>
</section>`;
}

function figure(
  title: string,
  points: readonly CoursePoint[],
  fit: GoldFit | null,
  start: Evaluation['models'][number] | undefined,
): Markup {
  const proxyStart = start?.reward?.mean ?? 0;
  const goldStart = start?.gold?.mean ?? 0;
  const marks: Mark[] = [];
  const add = (label: string, hue: Mark['hue'], value: (point: CoursePoint) => number | null): void => {
    const placed = points.flatMap((point) => {
      const y = value(point);
      return y === null ? [] : [{ x: point.distance, y, name: `${point.name}: ${y.toFixed(3)}` }];
    });
    if (placed.length === 0) return;
    marks.push({ label, hue, form: 'dots', points: placed });
  };
  add('proxy', 'reward', ({ proxy }) => proxy - proxyStart);
  add('gold', 'ppo', ({ gold }) => (gold === null ? null : gold - goldStart));
  const farthest = Math.max(...points.map(({ distance }) => distance));
  if (fit) {
    const course = Array.from({ length: 61 }, (_, index) => {
      const x = (index / 60) * farthest;
      return { x, y: goldAt(fit, x) };
    });
    marks.unshift({ label: '', hue: 'ppo', form: 'line', points: course });
  }
  return html`<figure><figcaption>${title} <span>· change of reward</span></figcaption>
${chart({ title: `${title}: proxy and gold reward over √KL`, xLabel: '√KL, √nats', marks, x: [0, farthest], even: 0 })}
${fit ? describeFit(fit) : null}
${numbersBehind(title, points, [
  { head: 'policy', cell: ({ name }) => name },
  { head: 'KL', cell: ({ kl }) => number(kl) },
  { head: '√KL', cell: ({ distance }) => number(distance) },
  { head: 'proxy', cell: ({ proxy }) => number(proxy) },
  { head: 'gold', cell: ({ gold }) => number(gold) },
])}</figure>`;
}

function describeFit({ form, alpha, beta, r2, peak }: GoldFit): Markup {
  const formula = form === 'rl' ? 'd (α − β ln d)' : 'd (α − β d)';
  return html`<p>Gold ≈ ${formula}: α = ${number(alpha)}, β = ${number(beta)}, R² = ${number(r2)}${
    peak ? html`; highest at a KL of ${number(peak.kl, 2)}` : null
  }.</p>`;
}
