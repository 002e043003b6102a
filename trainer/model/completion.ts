import type { Random } from '../engine/random.ts';
import { TrainerError } from '../errors.ts';
import type { CompletionText, TokenText } from './completion-text.ts';

/** A token that could have been drawn. */
export interface Alternative {
  token: number;
  /** in nats, under the same distribution as `Generation.logProbs` */
  logProb: number;
}

/** Why a completion ended: something stopped it, or the tokens asked for or the context ran out. */
export type FinishReason = 'stop' | 'length';

/** A sampled completion. */
export interface Generation {
  /** with the stop token, if one came, and with the tokens of a stop string up to the one that completed it */
  tokens: number[];
  /** of each token, in nats: the model's own, under softmax(logits / temperature), before penalties, top-k, top-p and the
   * vocabulary's limit; temperature 1 when greedy */
  logProbs: number[];
  /** whether `finishReason` is 'stop' */
  finished: boolean;
  finishReason: FinishReason;
  /** the stop token or stop string that ended it, null where none did */
  stoppedBy: number | string | null;
  /** its text, without the stop token or stop string; only where the tokenizer is given */
  text?: string;
  /** of each token, the likeliest at its place, best first; only where `alternatives` asks for them */
  alternatives?: Alternative[][];
}

/** What came of one completion since the last piece. */
export interface GenerationPiece {
  /** which completion: samplesPerPrompt of them for each prompt, prompt by prompt */
  index: number;
  tokens: number[];
  logProbs: number[];
  /** whole characters, never a part of a stop string: it may lag behind the tokens; '' without a tokenizer */
  text: string;
  alternatives?: Alternative[][];
  /** the whole completion, once it has ended: this is its last piece */
  ended: Generation | null;
}

interface CompletionStart {
  index: number;
  prompt: readonly number[];
  /** equal for equal prompts, from 0 up */
  group: number;
  random: Random;
  /** the most tokens that it may get */
  limit: number;
  stopTokens: ReadonlySet<number>;
  /** null where its text is not asked for */
  text: { tokens: TokenText; completion: CompletionText } | null;
}

/** A completion in the making. */
export class Completion {
  readonly tokens: number[] = [];
  readonly logProbs: number[] = [];
  readonly alternatives: Alternative[][] = [];
  finishReason: FinishReason | null = null;
  stoppedBy: number | string | null = null;
  readonly start: CompletionStart;
  #taken = { tokens: 0, characters: 0 };

  constructor(start: CompletionStart) {
    this.start = start;
  }

  /**
   * Adds a token, and sees whether the completion ends with it.
   * @throws TrainerError when its log-probability is not a number
   */
  add(token: number, logProb: number, alternatives: Alternative[] | null): void {
    const { stopTokens, text, limit, index } = this.start;
    if (Number.isNaN(logProb)) {
      throw new TrainerError(
        `The model gave logits that are NaN or infinite after ${this.tokens.length} tokens of completion ${index}: nothing can be drawn from them. Do its weights hold NaN, or has its training diverged?`,
      );
    }
    this.tokens.push(token);
    this.logProbs.push(logProb);
    if (alternatives) this.alternatives.push(alternatives);
    const stopped = stopTokens.has(token)
      ? token
      : (text?.completion.add(text.tokens.tokenBytes(token)) ?? null);
    if (stopped !== null) {
      this.finishReason = 'stop';
      this.stoppedBy = stopped;
    } else if (this.tokens.length === limit) {
      this.finishReason = 'length';
    }
    if (this.finishReason !== null && typeof stopped !== 'string') text?.completion.end();
  }

  /** What was added since the last call. */
  takePiece(): GenerationPiece {
    const { index, text } = this.start;
    const from = this.#taken;
    const whole = text?.completion.text ?? '';
    this.#taken = { tokens: this.tokens.length, characters: whole.length };
    return {
      index,
      tokens: this.tokens.slice(from.tokens),
      logProbs: this.logProbs.slice(from.tokens),
      text: whole.slice(from.characters),
      ...(this.alternatives.length > 0 ? { alternatives: this.alternatives.slice(from.tokens) } : {}),
      ended: this.finishReason === null ? null : this.generation(),
    };
  }

  /** The completion as it stands. */
  generation(): Generation {
    const { text } = this.start;
    return {
      tokens: this.tokens,
      logProbs: this.logProbs,
      finished: this.finishReason === 'stop',
      finishReason: this.finishReason ?? 'length',
      stoppedBy: this.stoppedBy,
      ...(text ? { text: text.completion.text } : {}),
      ...(this.alternatives.length > 0 ? { alternatives: this.alternatives } : {}),
    };
  }
}
