const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** A count with thousands parted: `1,204`. */
export function count(value: number): string {
  return whole.format(value);
}

/** A share from 0 to 1 as `72 %`. */
export function percent(share: number, digits = 0): string {
  return `${(share * 100).toFixed(digits)} %`;
}

/** A share with its 95 % interval as `72 % ± 3`; the wider arm is the one that is named. */
export function percentWithin({ mean, low, high }: { mean: number; low: number; high: number }): string {
  const arm = Math.max(mean - low, high - mean) * 100;
  return `${(mean * 100).toFixed(0)} % ± ${arm < 1 ? arm.toFixed(1) : arm.toFixed(0)}`;
}

/** A measured value with three significant digits, or in powers of ten when it is very small or large. */
export function measure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(1).replace('e+', 'e');
  if (size >= 1000) return count(value);
  return value.toPrecision(3);
}

/** A length of time in its two largest units: `4 min 10 s`, `2 h 5 min`, `3 d 2 h`. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 === 0 ? `${s / 60} min` : `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** How long ago a moment was, in its largest unit: `just now`, `4 min ago`. */
export function ago(moment: Date, now: number = Date.now()): string {
  const seconds = Math.max(0, (now - moment.getTime()) / 1000);
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** A date and time in UTC, the same on server and browser: `2026-11-24 03:10`. */
export function dateTime(moment: Date): string {
  return moment.toISOString().slice(0, 16).replace('T', ' ');
}

/** Words of a text, parted by white space. */
export function countWords(text: string): number {
  return text.match(/\S+/gu)?.length ?? 0;
}
