import { failureOf } from '../../lib/failure.ts';
import { same } from '../../lib/same.ts';
import type { useTRPCClient } from '../../lib/trpc.ts';
import { clearKept, keptKey, readKept } from './browser-store.ts';
import type { Draft } from './kinds/kind.ts';
import { type Tabs, tabName } from './tabs.ts';

/** A draft that never reached the server, as the browser keeps it. */
export interface KeptDraft {
  assignmentId: string;
  tab: string;
  /** The revision that it was typed upon; null for a text that is to be an earlier draft only. */
  revision: number | null;
  content: Draft;
  at: number;
}

const isKeptDraft = (value: unknown): value is KeptDraft =>
  typeof value === 'object' &&
  value !== null &&
  'assignmentId' in value &&
  'tab' in value &&
  'content' in value;

/** Where a tab keeps the unsaved draft of an assignment. */
export function draftKey(userId: string, assignmentId: string, rest: string = tabName()): string {
  return keptKey('draft', userId, `${assignmentId}-${rest}`);
}

/**
 * Sends what tabs that are gone left unsaved: a crash, a reload, a closed lid without a connection. What the server
 * has newer text for is put among the earlier drafts. What cannot be sent now stays for the next time.
 * @returns how many were put among the earlier drafts
 */
export async function sendLeftovers(
  client: ReturnType<typeof useTRPCClient>,
  userId: string,
  tabs: Tabs,
): Promise<number> {
  const kept = () =>
    readKept<KeptDraft>('draft', userId, isKeptDraft).filter(
      ({ value }) => value.tab !== tabName() || value.revision === null,
    );
  if (kept().length === 0) return 0;
  const open = await tabs.others();
  let aside = 0;
  for (const { key, value } of kept()) {
    if (open.has(value.tab)) continue;
    const { assignmentId, revision, content } = value;
    try {
      if (revision !== null && (await isSaved(client, { assignmentId, revision, content }))) {
        clearKept(key);
        continue;
      }
      await client.labeling.setDraftAside.mutate({ assignmentId, content });
      clearKept(key);
      if (revision !== null) aside++;
    } catch (error) {
      if (failureOf(error) !== 'refused') return aside;
    }
  }
  return aside;
}

/** Forgets what the browser keeps of a draft that is handed in as it stands. */
export function clearLeftovers(userId: string, assignmentId: string, draft: Draft): void {
  for (const { key, value } of readKept<KeptDraft>('draft', userId, isKeptDraft)) {
    if (value.assignmentId === assignmentId && same(value.content, draft)) clearKept(key);
  }
}

/** Saves a draft upon its revision. @returns false when the server holds something newer, or takes no more of it */
async function isSaved(
  client: ReturnType<typeof useTRPCClient>,
  draft: { assignmentId: string; revision: number; content: Draft },
): Promise<boolean> {
  try {
    const answer = await client.labeling.saveDraft.mutate(draft);
    return answer.status === 'saved' || same(answer.content, draft.content);
  } catch (error) {
    if (failureOf(error) === 'refused') return false;
    throw error;
  }
}
