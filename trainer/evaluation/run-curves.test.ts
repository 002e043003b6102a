import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { temporaryFolder, writeLines } from '../stages/testing/tiny.ts';
import { escapeHtml, html } from './report/html.ts';
import { readRunCurves, smooth } from './run-curves.ts';

const { folder, remove } = temporaryFolder();
afterAll(remove);

describe('curves of a run', () => {
  it('are read metric by metric, without the steps that have no number, with the stage that the folder names', () => {
    const run = join(folder, 'mine');
    mkdirSync(run);
    writeLines(run, 'metrics.jsonl', [
      { step: 1, loss: 3 },
      { step: 2, loss: null, validationLoss: 2.5 },
      { step: 3, loss: 1 },
    ]);
    expect(readRunCurves(run)).toEqual({
      name: 'mine',
      folder: run,
      stage: null,
      series: [
        { metric: 'loss', steps: [1, 3], values: [3, 1] },
        { metric: 'validationLoss', steps: [2], values: [2.5] },
      ],
    });
    writeFileSync(join(run, 'state.json'), JSON.stringify({ identity: JSON.stringify({ stage: 'ppo' }) }));
    expect(readRunCurves(run).stage).toBe('ppo');
    writeFileSync(join(run, 'metrics.jsonl'), '{"step":1}\n{"loss":2}\n');
    expect(() => readRunCurves(run)).toThrow(/metrics\.jsonl:2: step/);
    expect(() => readRunCurves(folder)).toThrow('is no run folder: expected metrics.jsonl');
  });

  it('are smoothed by weights that sum to 1 from the first value on', () => {
    expect(smooth([4, 4, 4], 0.9)).toEqual([4, 4, 4].map((value) => expect.closeTo(value, 12)));
    // 8, (8·½ + 2) / 1.5, (8·¼ + 2·½ + 1) / 1.75
    expect(smooth([8, 2, 1], 0.5)).toEqual([8, 4, 4 / 1.75]);
  });
});

describe('the report’s HTML', () => {
  it('escapes every value that is not markup, in text and in quoted attributes', () => {
    const hostile = `<b title="a" id='x'>&\u0000\n`;
    expect(escapeHtml(hostile)).toBe('&lt;b title=&quot;a&quot; id=&#39;x&#39;&gt;&amp;\ufffd\n');
    expect(html`<p title="${'"'}">${[html`<i>${'<'}</i>`, 'a & b', null, 2]}</p>`.text).toBe(
      '<p title="&quot;"><i>&lt;</i>a &amp; b2</p>',
    );
  });
});
