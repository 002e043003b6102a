import type { StageContext } from '../types.ts';

/** Counts how often a stage looks whether it is to stop, and can stop it at one of these looks. */
export interface Stops {
  context: StageContext;
  /** Looks so far. */
  looks(): number;
}

/**
 * A context whose signal stops a stage at the n-th look, whatever it is doing then: writing completions, scoring, or
 * between two minibatches.
 *
 * @param how 'abort': the signal is aborted, as by Ctrl-C; 'crash': an error is thrown that nobody expects, as a kill
 */
export function stopAt(context: StageContext, look: number, how: 'abort' | 'crash'): Stops {
  const controller = new AbortController();
  const { signal } = controller;
  let looks = 0;
  const check = signal.throwIfAborted.bind(signal);
  Object.defineProperty(signal, 'throwIfAborted', {
    value: () => {
      looks += 1;
      if (looks === look) {
        if (how === 'crash') throw new Error('crashed');
        controller.abort();
      }
      check();
    },
  });
  return { context: { ...context, signal }, looks: () => looks };
}
