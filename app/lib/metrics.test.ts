import { describe, expect, it } from 'vitest';
import { METRIC_CHARTS, type MetricRow, mergeRows, seriesOf, smooth } from './metrics.ts';

describe('curves from reported values', () => {
  it('draws the first name that was reported, and only the steps that reported it', () => {
    const loss = METRIC_CHARTS.find((chart) => chart.title === 'Loss');
    const rows: MetricRow[] = [
      { step: 1, values: { loss: 5 } },
      { step: 2, values: { loss: 4, validationLoss: 4.5 } },
      { step: 3, values: { loss: Number.NaN } },
    ];
    expect(loss && seriesOf(loss, rows)).toEqual([
      { label: 'training', key: 'loss', steps: [1, 2], values: [5, 4] },
      { label: 'validation', key: 'validationLoss', steps: [2], values: [4.5] },
    ]);
  });

  it('smooths without being drawn to zero at the start', () => {
    expect(smooth([3, 3, 3], 0.9).map((value) => value.toFixed(6))).toEqual([
      '3.000000',
      '3.000000',
      '3.000000',
    ]);
    // Forward (0.5·0·0.5 + 0.5·4) / 0.75 = 8/3, backward 4, by hand.
    expect(smooth([0, 4], 0.5)[1]).toBeCloseTo((8 / 3 + 4) / 2, 9);
  });

  it('lags behind neither a rise nor a fall', () => {
    const ramp = Array.from({ length: 101 }, (_, step) => step);
    expect(smooth(ramp, 0.8)[50]).toBeCloseTo(50, 2);
  });

  it('lets a repeated step replace the older row', () => {
    const rows = [1, 2, 3].map((step) => ({ step, values: { loss: step } }));
    const merged = mergeRows(rows, [
      { step: 2, values: { loss: 20 } },
      { step: 4, values: { loss: 4 } },
    ]);
    expect(merged.map((row) => row.values.loss)).toEqual([1, 20, 3, 4]);
  });
});
