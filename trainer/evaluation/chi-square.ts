import { TrainerError } from '../errors.ts';

/** ln Γ(x) for x > 0 (Lanczos 1964, g = 7, nine terms). */
function logGamma(x: number): number {
  const terms = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ];
  const z = x - 1;
  let sum = terms[0] ?? 0;
  for (let i = 1; i < terms.length; i++) sum += (terms[i] ?? 0) / (z + i);
  const t = z + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum);
}

/**
 * The probability that a χ² variable with so many degrees of freedom is `statistic` or more: the regularised upper
 * incomplete gamma function Q(df/2, χ²/2), by its series below df/2 + 1 and its continued fraction above
 * (Abramowitz and Stegun 6.5.29 and 6.5.31).
 *
 * @throws TrainerError unless statistic ≥ 0 and the degrees of freedom are positive
 */
export function chiSquareTail(statistic: number, degreesOfFreedom: number): number {
  if (!(statistic >= 0) || !(degreesOfFreedom > 0)) {
    throw new TrainerError(
      `χ² needs a statistic of 0 or more and positive degrees of freedom, got ${statistic} and ${degreesOfFreedom}.`,
    );
  }
  const s = degreesOfFreedom / 2;
  const x = statistic / 2;
  if (x === 0) return 1;
  const scale = Math.exp(s * Math.log(x) - x - logGamma(s));
  if (x < s + 1) {
    let term = 1 / s;
    let sum = term;
    for (let k = 1; k < 10_000 && term > sum * 1e-16; k++) {
      term *= x / (s + k);
      sum += term;
    }
    return Math.max(0, 1 - scale * sum);
  }
  // Lentz's method for 1 / (x + 1 − s − 1·(1 − s) / (x + 3 − s − …)).
  let b = x + 1 - s;
  let c = Number.MAX_VALUE;
  let d = 1 / b;
  let fraction = d;
  for (let k = 1; k < 10_000; k++) {
    const a = -k * (k - s);
    b += 2;
    d = 1 / (a * d + b);
    c = b + a / c;
    const step = c * d;
    fraction *= step;
    if (Math.abs(step - 1) < 1e-15) break;
  }
  return scale * fraction;
}
