/** A labeler as a browser is one: it works over HTTP, loses its connection, tries again, and never gives up a text. */
import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { createTRPCClient, httpLink, TRPCClientError } from '@trpc/client';
import superjson from 'superjson';
import type { Api } from '@/server/demo/http-client.ts';
import type { AppRouter } from '@/server/router.ts';
import type { Ledger } from './ledger.ts';
import type { Random } from './random.ts';

type Work = Extract<Awaited<ReturnType<Api['labeling']['next']['mutate']>>, { status: 'work' }>['work'];
type Content = Parameters<Api['labeling']['submit']['mutate']>[0]['content'];
type Draft = Parameters<Api['labeling']['saveDraft']['mutate']>[0]['content'];

const REQUEST_MILLISECONDS = 30_000;

export interface LabelerOptions {
  labelerId: string;
  projectId: string;
  /** Where to ask; another one after each lost connection, as a balancer does. */
  addresses: string[];
  cookie: string;
  /** Longer than a lease. */
  awayMilliseconds: number;
  random: Random;
  ledger: Ledger;
  /** No new work is begun after this. */
  stopping: AbortSignal;
}

/** Works until told to stop, and ends what it has begun to send. */
export async function work(options: LabelerOptions): Promise<void> {
  const labeler = new Labeler(options);
  let task: Work | null = null;
  while (!options.stopping.aborted) {
    task ??= await labeler.take();
    if (task) task = await labeler.do(task);
    else await wait(options.random.between(200, 800));
  }
}

class Labeler {
  readonly #options: LabelerOptions;
  readonly #apis: Api[];
  #at: number;

  constructor(options: LabelerOptions) {
    this.#options = options;
    this.#apis = options.addresses.map((address) => clientOf(address, options.cookie));
    this.#at = Math.floor(options.random.next() * this.#apis.length);
  }

  async take(): Promise<Work | null> {
    const { projectId, ledger } = this.#options;
    const next = await this.#ask((api) => api.labeling.next.mutate({ projectId }));
    if (next?.status !== 'work') return null;
    ledger.counts.taken += 1;
    return next.work;
  }

  /** @returns the next task, when the answer to the submission brought one along */
  async do(task: Work): Promise<Work | null> {
    const { random, ledger, labelerId, awayMilliseconds, stopping } = this.#options;
    const assignmentId = task.assignment.id;
    const contents = [
      contentOf(task, random, `${labelerId} begins`),
      contentOf(task, random, `${labelerId} ends`),
    ];
    let { revision } = task.draft;
    for (const content of contents) {
      if (random.chance(0.4)) revision = await this.#saveDraft(assignmentId, revision, content);
    }
    if (random.chance(0.2)) {
      const beat = await this.#ask((api) =>
        api.labeling.heartbeat.mutate({ assignmentId, activeSeconds: 5 }),
      );
      if (beat) ledger.counts.heartbeats += 1;
    }
    if (random.chance(0.1)) {
      await this.#ask((api) => api.labeling.skip.mutate({ assignmentId, reason: 'other' }));
      ledger.counts.skips += 1;
      if (random.chance(0.5)) return null;
      // Somebody else may have been quicker: then it stays skipped.
      const back = await this.#ask((api) => api.labeling.undoSkip.mutate({ assignmentId }));
      if (!back) return null;
      ledger.counts.undone += 1;
    }
    // Some are called away for longer than a lease, and come back with their text.
    if (random.chance(0.04) && !stopping.aborted) await wait(awayMilliseconds);
    const content = contents[1] ?? contents[0];
    return content ? this.#submit(assignmentId, content) : null;
  }

  async #saveDraft(assignmentId: string, revision: number, content: Content): Promise<number> {
    const { ledger } = this.#options;
    const draft = draftOf(content);
    const saved = await this.#ask((api) =>
      api.labeling.saveDraft.mutate({ assignmentId, revision, content: draft }),
    );
    if (saved?.status === 'saved') {
      ledger.acknowledgeDraft({ assignmentId, revision: saved.revision, text: markOf(content) });
    }
    // A conflict: this very save was stored before its acknowledgement was lost.
    return saved?.revision ?? revision;
  }

  async #submit(assignmentId: string, content: Content): Promise<Work | null> {
    const { random, ledger, labelerId, projectId, stopping } = this.#options;
    const idempotencyKey = randomUUID();
    ledger.sentKeys.add(idempotencyKey);
    const next = random.chance(0.5) ? { projectId } : undefined;
    let following: Work | null = null;
    const send = () =>
      this.#ask((api) => api.labeling.submit.mutate({ assignmentId, idempotencyKey, content, next }));
    const sends = random.chance(0.1) ? [send(), send()] : [send()];
    if (random.chance(0.15)) sends.push(Promise.all(sends).then(send));
    for (const answer of await Promise.all(sends)) {
      if (answer === null) continue;
      const { labelId, state } = answer;
      ledger.acknowledge({ labelId, state, assignmentId, labelerId, idempotencyKey });
      if (answer.next?.status === 'work') following = answer.next.work;
    }
    if (following === null || stopping.aborted) return null;
    ledger.counts.taken += 1;
    return following;
  }

  /**
   * Asks until there is an answer: a lost connection, a dead server and a dead database are waited for.
   * @returns null when the server understood and refused, which only a moved-on task may bring
   */
  async #ask<T>(question: (api: Api) => Promise<T>): Promise<T | null> {
    const { random, ledger } = this.#options;
    for (let attempt = 0; ; attempt++) {
      const api = this.#apis[this.#at % this.#apis.length];
      if (!api) throw new Error('A labeler without a server.');
      try {
        return await question(api);
      } catch (error) {
        const status: unknown = error instanceof TRPCClientError ? error.data?.httpStatus : undefined;
        if (status === 409) {
          ledger.counts.refused += 1;
          return null;
        }
        if (typeof status === 'number' && status < 500) {
          ledger.violations.push(`Answer ${status}: ${String(error)}`);
          return null;
        }
        if (status === undefined) ledger.counts.connectionsLost += 1;
        else ledger.counts.unavailable += 1;
        if (status === 500) ledger.violations.push(`Answer 500: ${String(error)}`);
        this.#at += 1;
        await wait(random.between(50, 400) * Math.min(8, 1 + attempt));
      }
    }
  }
}

function clientOf(address: string, cookie: string): Api {
  return createTRPCClient<AppRouter>({
    links: [
      httpLink({
        url: `${address}/api/trpc`,
        transformer: superjson,
        headers: { cookie },
        fetch: (url, init) =>
          fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_MILLISECONDS) } as RequestInit),
      }),
    ],
  });
}

/** A label that answers the task; its text or note names it. */
function contentOf(task: Work, random: Random, mark: string): Content {
  const named = `${mark} ${randomUUID()}`;
  if (task.review) {
    return {
      kind: 'review',
      verdicts: task.review.labels.map(({ labelId }) => ({ labelId, verdict: 'accepted', comment: named })),
    };
  }
  if (task.assignment.kind === 'ranking') {
    const ids = random.shuffled(task.completions.map(({ id }) => id));
    const groups: string[][] = [];
    for (const id of ids) {
      const last = groups.at(-1);
      if (last && random.chance(0.2)) last.push(id);
      else groups.push([id]);
    }
    return { kind: 'ranking', groups, note: named };
  }
  const prompt = task.brief ? [{ role: 'user' as const, content: `Prompt of ${named}` }] : null;
  return { kind: 'demonstration', text: named, prompt };
}

function draftOf(content: Content): Draft {
  return content.kind === 'ranking' ? { ...content, strengths: [] } : content;
}

/** What names a label, as the database holds it in its draft. */
export function markOf(content: Content): string {
  if (content.kind === 'demonstration') return content.text;
  if (content.kind === 'ranking') return content.note ?? '';
  return content.verdicts[0]?.comment ?? '';
}
