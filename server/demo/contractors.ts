import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SimulatedLabeler } from '@touchstone/trainer/world/index.ts';
import type { Api } from './http-client.ts';

const PAUSE_WITHOUT_WORK = 500;
const PAUSE_AFTER_ERROR = 1000;
/** Of so many pieces of work, one is saved as a draft first, as the page does every two seconds. */
const DRAFT_EVERY = 8;

type Work = Extract<Awaited<ReturnType<Api['labeling']['next']['mutate']>>, { status: 'work' }>['work'];

/** A simulated contractor: takes work, writes or ranks, and submits, until told to stop. */
export async function labelUntilStopped(
  api: Api,
  labeler: SimulatedLabeler,
  projectId: string,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<number> {
  let done = 0;
  while (!signal.aborted) {
    try {
      const next = await api.labeling.next.mutate({ projectId });
      if (next.status === 'empty') {
        await pause(PAUSE_WITHOUT_WORK, signal);
        continue;
      }
      await doWork(api, labeler, next.work, done % DRAFT_EVERY === 0);
      done += 1;
    } catch (error) {
      if (signal.aborted) break;
      onError(error);
      await pause(PAUSE_AFTER_ERROR, signal);
    }
  }
  return done;
}

async function doWork(api: Api, labeler: SimulatedLabeler, work: Work, draftFirst: boolean): Promise<void> {
  const prompt = work.prompt?.messages.at(-1)?.content ?? '';
  const assignmentId = work.assignment.id;
  const revision = work.draft.revision;
  if (work.assignment.kind === 'demonstration') {
    const text = labeler.demonstrate(prompt);
    if (draftFirst) {
      const content = { kind: 'demonstration' as const, text };
      await api.labeling.saveDraft.mutate({ assignmentId, revision, content });
    }
    await api.labeling.submit.mutate({
      assignmentId,
      idempotencyKey: randomUUID(),
      content: { kind: 'demonstration', text },
    });
    return;
  }
  const { completions } = work;
  const idAt = (index: number) => completions[index]?.id ?? '';
  const groups = labeler
    .rank(
      prompt,
      completions.map(({ text }) => text),
    )
    .map((group) => group.map(idAt));
  const ratings = completions.map(({ id, text }) => ({
    completionId: id,
    overall: labeler.rate(prompt, text),
    flags: [],
  }));
  if (draftFirst) {
    const content = { kind: 'ranking' as const, groups, ratings };
    await api.labeling.saveDraft.mutate({ assignmentId, revision, content });
  }
  await api.labeling.submit.mutate({
    assignmentId,
    idempotencyKey: randomUUID(),
    content: { kind: 'ranking', groups, ratings },
  });
}

const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  sleep(milliseconds, undefined, { signal }).catch(() => {});
