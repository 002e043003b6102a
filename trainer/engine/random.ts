/** The whole state of a `Random`: four unsigned 32-bit words. */
export type RandomState = readonly [number, number, number, number];

/** Finaliser of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let z = value >>> 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

/** FNV-1a over UTF-16 code units. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

const rotate = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));

/**
 * A seeded generator (xoshiro128**, Blackman and Vigna 2018) whose state can be saved and restored, so that a resumed
 * run draws what the uninterrupted one would have drawn. The same seed gives the same numbers on every machine.
 */
export class Random {
  private a = 0;
  private b = 0;
  private c = 0;
  private d = 0;

  /** @param seed any finite number; numbers that differ give unrelated streams */
  constructor(seed: number) {
    // The high part keeps seeds beyond 2^32 (a timestamp, say) apart.
    const low = seed >>> 0;
    const high = Math.floor(seed / 4294967296) >>> 0;
    let z = mix(low ^ mix(high + 0x9e3779b9));
    const word = (): number => {
      z = (z + 0x9e3779b9) >>> 0;
      return mix(z);
    };
    this.restore([word(), word(), word(), word()]);
  }

  /** Uniform 32 bits. */
  bits(): number {
    const result = Math.imul(rotate(Math.imul(this.b, 5), 7), 9) >>> 0;
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = rotate(this.d, 11);
    return result;
  }

  /** Uniform in [0, 1), with 53 bits. */
  next(): number {
    const high = this.bits() >>> 5;
    const low = this.bits() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** A standard normal (Box and Muller 1958). One of the pair is dropped, so that the state stays four words. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  /** A uniform integer in [0, bound). @throws RangeError unless bound is a positive integer */
  integer(bound: number): number {
    if (!Number.isInteger(bound) || bound <= 0) {
      throw new RangeError(`Random.integer(${bound}): expected a positive integer.`);
    }
    return Math.floor(this.next() * bound);
  }

  /** Shuffles in place (Fisher and Yates) and returns the same array. */
  shuffle<A extends { length: number; [index: number]: unknown }>(items: A): A {
    const list: { [index: number]: unknown } = items;
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = list[i];
      list[i] = list[j];
      list[j] = kept;
    }
    return items;
  }

  /** The state, to be stored and given to `restore`. */
  state(): RandomState {
    return [this.a >>> 0, this.b >>> 0, this.c >>> 0, this.d >>> 0];
  }

  /** Continues from a saved state. @throws RangeError for a state of four zeros, which would stay zero for ever */
  restore(state: RandomState): void {
    if (state.length !== 4 || state.every((word) => word >>> 0 === 0)) {
      throw new RangeError('Random.restore: expected four 32-bit words that are not all zero.');
    }
    [this.a, this.b, this.c, this.d] = [state[0] | 0, state[1] | 0, state[2] | 0, state[3] | 0];
  }

  /**
   * An independent generator for one purpose. It depends on this one's state and the label, and does not advance this
   * one: forks may be made in any order.
   */
  fork(label: string | number): Random {
    const key = hashText(String(label));
    const [a, b, c, d] = this.state();
    const child = new Random(0);
    const first = mix(a ^ key);
    const second = mix(b ^ first);
    const third = mix(c ^ second ^ key);
    child.restore([first, second, third, mix(d ^ third) | 1]);
    return child;
  }
}
