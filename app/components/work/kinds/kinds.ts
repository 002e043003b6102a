import type { Draft, LabelContent, Work, WorkKind } from './kind.ts';

export type AnyKind = WorkKind<Draft, LabelContent>;

/** Each kind is loaded when it is handed out: a demonstration needs nothing of what a ranking does. */
const LOADERS: Record<Work['assignment']['kind'], () => Promise<unknown>> = {
  demonstration: async () => (await import('./demonstration/demonstration.tsx')).demonstration,
  ranking: async () => (await import('./ranking/ranking.tsx')).ranking,
  review: async () => (await import('./review/review.tsx')).review,
};

const loaded = new Map<string, Promise<AnyKind>>();

/** The pages of a kind. The same promise every time, for `use`. */
export function loadKind(kind: Work['assignment']['kind']): Promise<AnyKind> {
  let promise = loaded.get(kind);
  if (!promise) {
    // A kind's functions are given drafts and labels of that kind only; the types cannot follow the name to them.
    promise = LOADERS[kind]() as Promise<AnyKind>;
    promise.catch(() => loaded.delete(kind));
    loaded.set(kind, promise);
  }
  return promise;
}
