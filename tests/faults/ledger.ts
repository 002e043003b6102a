/** What the labelers sent and what the servers acknowledged: the truth that the database is held against afterwards. */
export interface AcknowledgedLabel {
  labelId: string;
  assignmentId: string;
  labelerId: string;
  idempotencyKey: string;
  state: 'submitted' | 'late';
}

export interface AcknowledgedDraft {
  assignmentId: string;
  revision: number;
  /** The draft's text or note, which names the save. */
  text: string;
}

export class Ledger {
  /** By idempotency key. */
  readonly labels = new Map<string, AcknowledgedLabel>();
  /** Every key ever sent, acknowledged or not. */
  readonly sentKeys = new Set<string>();
  /** The newest acknowledged draft of each assignment. */
  readonly drafts = new Map<string, AcknowledgedDraft>();
  /** What no server should have said. */
  readonly violations: string[] = [];
  readonly counts = {
    taken: 0,
    drafts: 0,
    heartbeats: 0,
    skips: 0,
    undone: 0,
    repeated: 0,
    late: 0,
    connectionsLost: 0,
    unavailable: 0,
    refused: 0,
  };

  acknowledge(label: AcknowledgedLabel): void {
    const before = this.labels.get(label.idempotencyKey);
    if (before && (before.labelId !== label.labelId || before.state !== label.state)) {
      this.violations.push(
        `The submission ${label.idempotencyKey} was acknowledged as ${before.labelId} (${before.state}) and then as ${label.labelId} (${label.state}).`,
      );
    }
    if (before) this.counts.repeated += 1;
    else if (label.state === 'late') this.counts.late += 1;
    this.labels.set(label.idempotencyKey, label);
  }

  acknowledgeDraft(draft: AcknowledgedDraft): void {
    this.counts.drafts += 1;
    const before = this.drafts.get(draft.assignmentId);
    if (!before || before.revision < draft.revision) this.drafts.set(draft.assignmentId, draft);
  }
}
