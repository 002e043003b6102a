import { Random, type RandomState } from '../engine/random.ts';
import { TrainerError } from '../errors.ts';
import type { Piece, TokenCorpus } from './corpus.ts';

/** One source of a mixture. */
export interface MixtureSource {
  corpus: TokenCorpus;
  /** its share of the rows, relative to the other sources' weights */
  weight: number;
}

/** Where the reading of one source stands; JSON. */
interface CursorState {
  epoch: number;
  /** pieces of this epoch already taken */
  next: number;
  /** pieces in the row that is being filled, as [start, cells] */
  open: [number, number][];
}

/** Where the reading of a mixture stands; JSON. `restore` continues with the very next row. */
export interface MixtureState {
  random: RandomState;
  sources: Record<string, CursorState>;
}

/**
 * Reads one corpus as rows of exactly `columns` cells, epoch after epoch, each in a new random order. A piece that
 * fills a row is a row; shorter ones are put one after another, cut where the row ends.
 */
class RowCursor {
  #epoch = 0;
  #next = 0;
  #open: Piece[] = [];
  #order: Piece[];

  constructor(
    private readonly corpus: TokenCorpus,
    private readonly columns: number,
    private readonly seed: number,
  ) {
    this.#order = this.#shuffled();
  }

  nextRow(): Piece[] {
    for (;;) {
      const piece = this.#take();
      if (piece.cells === this.columns) return [piece];
      const used = this.#open.reduce((sum, { cells }) => sum + cells, 0);
      const room = this.columns - used;
      if (piece.cells < room) {
        this.#open.push(piece);
        continue;
      }
      const row = [...this.#open, { start: piece.start, cells: room }];
      this.#open = piece.cells > room ? [{ start: piece.start + room, cells: piece.cells - room }] : [];
      return row;
    }
  }

  /** Epochs read so far, fractions included. */
  get epochs(): number {
    return this.#epoch + this.#next / this.#order.length;
  }

  state(): CursorState {
    return {
      epoch: this.#epoch,
      next: this.#next,
      open: this.#open.map(({ start, cells }) => [start, cells]),
    };
  }

  restore({ epoch, next, open }: CursorState): void {
    this.#epoch = epoch;
    this.#order = this.#shuffled();
    this.#next = next;
    this.#open = open.map(([start, cells]) => ({ start, cells }));
  }

  #take(): Piece {
    if (this.#next === this.#order.length) {
      this.#epoch++;
      this.#next = 0;
      this.#order = this.#shuffled();
    }
    const piece = this.#order[this.#next++];
    if (!piece) throw new TrainerError(`The source ${this.corpus.name} holds no text to read rows from.`);
    return piece;
  }

  /** The order depends on seed, source and epoch alone, so a restored cursor finds it again. */
  #shuffled(): Piece[] {
    const random = new Random(this.seed).fork(`${this.corpus.name}, epoch ${this.#epoch}`);
    const pieces = this.corpus.pieces(this.columns, () => random.integer(this.columns));
    random.shuffle(pieces);
    return pieces;
  }
}

/**
 * Draws rows from weighted sources: each row comes from one source, chosen at random by weight, so that weights are
 * shares of tokens. Sources are read epoch after epoch, independently of each other.
 */
export class Mixture {
  readonly columns: number;
  readonly sources: readonly MixtureSource[];
  readonly #cursors: RowCursor[];
  readonly #cumulative: number[];
  readonly #random: Random;

  /** @throws TrainerError for no source, two of one name, or a weight that is not above 0 */
  constructor(sources: readonly MixtureSource[], options: { columns: number; seed: number }) {
    if (sources.length === 0) throw new TrainerError('A mixture needs at least one source.');
    const names = new Set<string>();
    for (const { corpus, weight } of sources) {
      if (!(weight > 0) || !Number.isFinite(weight)) {
        throw new TrainerError(
          `The weight of source ${corpus.name} is ${weight}: expected a number above 0.`,
        );
      }
      if (names.has(corpus.name))
        throw new TrainerError(`Two sources are named ${corpus.name}: names must differ.`);
      names.add(corpus.name);
    }
    this.sources = sources;
    this.columns = options.columns;
    this.#random = new Random(options.seed).fork('mixture');
    this.#cursors = sources.map(({ corpus }) => new RowCursor(corpus, options.columns, options.seed));
    const total = sources.reduce((sum, { weight }) => sum + weight, 0);
    let sum = 0;
    this.#cumulative = sources.map(({ weight }) => {
      sum += weight / total;
      return sum;
    });
  }

  /** The next row: which source it comes from, and the pieces that fill its cells. */
  nextRow(): { source: number; corpus: TokenCorpus; pieces: Piece[] } {
    const drawn = this.#random.next();
    const found = this.#cumulative.findIndex((limit) => drawn < limit);
    // Rounding can leave the last sum a hair below 1.
    const source = found < 0 ? this.#cumulative.length - 1 : found;
    const cursor = this.#cursors[source];
    const corpus = this.sources[source]?.corpus;
    if (!cursor || !corpus) throw new TrainerError(`The mixture has no source ${source}.`);
    return { source, corpus, pieces: cursor.nextRow() };
  }

  /** Epochs read of each source, fractions included. */
  epochs(): Record<string, number> {
    return Object.fromEntries(
      this.sources.map(({ corpus }, index) => [corpus.name, this.#cursors[index]?.epochs ?? 0]),
    );
  }

  /** Where the reading stands; JSON. */
  state(): MixtureState {
    const sources: Record<string, CursorState> = {};
    for (const [index, { corpus }] of this.sources.entries()) {
      const cursor = this.#cursors[index];
      if (cursor) sources[corpus.name] = cursor.state();
    }
    return { random: this.#random.state(), sources };
  }

  /** Continues where `state` was taken, over the same sources. @throws TrainerError when a source is not in it */
  restore(state: MixtureState): void {
    for (const [index, { corpus }] of this.sources.entries()) {
      const saved = state.sources[corpus.name];
      if (!saved) throw new TrainerError(`The saved state of the data knows no source ${corpus.name}.`);
      this.#cursors[index]?.restore(saved);
    }
    this.#random.restore(state.random);
  }
}
