'use client';

import { useState } from 'react';
import { completionLetter } from '@/server/labeling/kinds/ranking/vocabulary.ts';
import { REVIEW_REASON_NAMES, whyInReview } from '@/server/labeling/kinds/review/vocabulary.ts';
import { Button } from '../../../ui/button.tsx';
import { Chip, ChoiceChip } from '../../../ui/chip.tsx';
import { type KeyAction, useKeys } from '../../../ui/keys.tsx';
import { useNotices } from '../../../ui/notices.tsx';
import { Conversation } from '../../../ui/reading-text.tsx';
import { demonstration } from '../demonstration/demonstration.tsx';
import type { EditorProps } from '../kind.ts';
import { ranking } from '../ranking/ranking.tsx';
import { type AnyLabel, isDemonstration, isRanking, translateLetters } from './compare.ts';
import { Completions } from './completions.tsx';
import { commentId, LabelCard, type Said } from './label-card.tsx';
import { MarkedText } from './marked-text.tsx';
import { OwnAnswer } from './own-answer.tsx';
import { RankingMatrix } from './ranking-matrix.tsx';
import type { ReviewDraft } from './review.tsx';

/** The labels beside each other, a verdict on each, and the reviewer's own answer where they want to settle the matter. */
export function ReviewEditor({ subject, draft, change }: EditorProps<ReviewDraft>) {
  const { announce } = useNotices();
  const under = subject.review;
  const every = under?.labels ?? [];
  const labels = every.filter(({ current }) => current);
  const [selected, setSelected] = useState<string | null>(labels[0]?.labelId ?? null);
  const [differences, setDifferences] = useState(false);
  const [aside, setAside] = useState<ReviewDraft['answer']>(null);
  const { answer } = draft;
  const at = labels.findIndex(({ labelId }) => labelId === selected);
  const chosen = labels[at];
  const ids = subject.completions.map(({ id }) => id);
  const letter = (id: string) => completionLetter(ids.indexOf(id));
  const saidOf = (labelId: string) => draft.verdicts.find((one) => one.labelId === labelId);

  function judge(labelId: string, part: Partial<Said>): ReviewDraft {
    const before = saidOf(labelId) ?? { labelId, verdict: null, comment: '' };
    const others = draft.verdicts.filter((one) => one.labelId !== labelId);
    const next = { ...draft, verdicts: [...others, { ...before, ...part }] };
    change(next);
    return next;
  }

  function select(label: AnyLabel | undefined, spoken: string) {
    if (!label) return;
    setSelected(label.labelId);
    const verdict = saidOf(label.labelId)?.verdict ?? 'not judged yet';
    announce(`${spoken}Label ${label.number}, ${verdict}.`);
    document.getElementById(`label-${label.number}`)?.scrollIntoView({ block: 'nearest' });
  }

  function accept() {
    if (!chosen) return;
    const { verdicts } = judge(chosen.labelId, { verdict: 'accepted' });
    const waiting = (label: AnyLabel) =>
      verdicts.every((one) => one.labelId !== label.labelId || one.verdict === null);
    const next = [...labels.slice(at + 1), ...labels.slice(0, at)].find(waiting);
    const done = `Label ${chosen.number} accepted. `;
    if (next) select(next, done);
    else announce(`${done}Every label is judged.`);
  }

  function comment() {
    if (chosen) document.querySelector<HTMLElement>(`#${commentId(chosen.number)} textarea`)?.focus();
  }

  function reject() {
    if (!chosen) return;
    judge(chosen.labelId, { verdict: 'rejected' });
    announce(`Label ${chosen.number} rejected. Say why.`);
    comment();
  }

  function open(from: ReviewDraft['answer']) {
    if (!under?.answerable) return;
    const empty = under.kind === 'ranking' ? ranking.empty(subject) : demonstration.empty(subject);
    change({ ...draft, answer: from ?? aside ?? empty });
    setAside(null);
  }

  function setAnswerAside() {
    setAside(answer);
    change({ ...draft, answer: null });
    announce('Your answer is set aside.');
  }

  function answerFrom(label: AnyLabel | undefined) {
    if (label && isRanking(label)) open(ranking.fromContent(label.content));
    // The prompt is the label's, also where its labeler wrote it.
    if (label && isDemonstration(label)) {
      open(demonstration.fromContent({ ...label.content, prompt: null, checklist: [] }));
    }
  }

  const texts = labels.filter(isDemonstration);
  const orders = labels.filter(isRanking);
  useKeys(
    [
      key('a', 'Accept the selected label', accept),
      key('x', 'Reject it, and say why', reject),
      key('c', 'Comment on it (Escape leaves the field)', comment),
      key('n', 'Select the next label', () => select(labels[Math.min(labels.length - 1, at + 1)], '')),
      key('p', 'Select the label before', () => select(labels[Math.max(0, at - 1)], '')),
      ...(texts.length > 1
        ? [key('d', 'Mark what differs from the selected label', () => setDifferences((shown) => !shown))]
        : []),
      ...(under?.answerable
        ? answer === null
          ? [
              key('w', 'Give the answer myself', () => open(null)),
              key('b', 'Give the answer myself, beginning from the selected label', () => answerFrom(chosen)),
            ]
          : [key('w', 'Set my answer aside', setAnswerAside)]
        : []),
    ].map((action) => (answer === null ? action : { ...action, keys: `Shift+${action.keys}` })),
  );

  const cards = labels.map((label) => (
    <LabelCard
      key={label.labelId}
      label={label}
      said={saidOf(label.labelId)}
      saidBefore={saidOfOlder(every, draft, label)}
      selected={label.labelId === selected}
      keyPrefix={answer === null ? '' : 'Shift '}
      onSelect={() => setSelected(label.labelId)}
      onJudge={(part) => judge(label.labelId, part)}
    >
      {isRanking(label) ? (
        <>
          <ranking.View subject={subject} content={label.content} />
          {label.content.note.trim() !== '' && <NoteLetters theirs={label.shownOrder} ours={ids} />}
        </>
      ) : isDemonstration(label) ? (
        <>
          {label.content.prompt && (
            <div className="border-l-2 pl-4">
              <h4 className="text-12 text-quiet">The prompt, as its labeler wrote it</h4>
              <Conversation messages={label.content.prompt} />
            </div>
          )}
          <MarkedText
            text={label.content.text}
            reference={
              differences && chosen && isDemonstration(chosen) && chosen !== label
                ? chosen.content.text
                : null
            }
          />
        </>
      ) : null}
    </LabelCard>
  ));

  const toAnswer = answer === null && under?.answerable && (
    <div className="flex flex-wrap items-center gap-2">
      <Button onClick={() => open(null)} shortcut="W">
        {aside === null ? 'Give the answer myself' : 'Take my answer up again'}
      </Button>
      {chosen && (
        <Button onClick={() => answerFrom(chosen)} shortcut="B">
          Begin from label {chosen.number}
        </Button>
      )}
    </div>
  );

  return (
    <div className="flex flex-1 flex-col gap-6 pb-6">
      <div className="mx-auto flex w-full max-w-7xl flex-col gap-4 px-4 sm:px-6">
        {under && (
          <p className="max-w-[72ch]">
            <span className="sr-only">Why it is in review: </span>
            <Chip>{REVIEW_REASON_NAMES[under.reason]}</Chip>{' '}
            {whyInReview(under.reason, under.finding, letter)}
            {under.finding?.note && <> “{under.finding.note}”</>}
          </p>
        )}
        {orders.length > 0 ? (
          <div
            className={`grid gap-6 ${answer === null ? 'lg:grid-cols-[minmax(0,1fr)_minmax(0,26rem)]' : 'lg:grid-cols-[minmax(0,26rem)_minmax(0,1fr)]'}`}
          >
            {answer === null && (
              <section aria-label="Completions" className="flex flex-col gap-2">
                <h2 className="text-12 font-strong tracking-wide text-quiet">COMPLETIONS</h2>
                <Completions completions={subject.completions} letter={letter} labels={orders} />
              </section>
            )}
            <section aria-label="Labels" className="flex min-w-0 flex-col gap-4">
              <h2 className="text-12 font-strong tracking-wide text-quiet">LABELS</h2>
              <RankingMatrix
                ids={ids}
                letter={letter}
                labels={orders}
                selected={selected}
                verdictOf={(id) => saidOf(id)?.verdict ?? null}
              />
              {answer === null && <div className="flex flex-col gap-3">{cards}</div>}
              {toAnswer}
            </section>
            {answer !== null && <div className="grid content-start gap-3 xl:grid-cols-2">{cards}</div>}
          </div>
        ) : (
          <section aria-label="Labels" className="flex flex-col gap-2">
            <div className="flex items-center gap-3">
              <h2 className="flex-1 text-12 font-strong tracking-wide text-quiet">LABELS</h2>
              {texts.length > 1 && (
                <ChoiceChip pressed={differences} onToggle={() => setDifferences(!differences)}>
                  Differences from the selected
                </ChoiceChip>
              )}
            </div>
            <div className={`grid gap-4 ${labels.length > 1 ? 'lg:grid-cols-2' : ''}`}>{cards}</div>
            {toAnswer}
          </section>
        )}
      </div>
      {answer !== null && (
        <OwnAnswer
          subject={subject}
          answer={answer}
          onChange={(next) => change({ ...draft, answer: next })}
          onSetAside={setAnswerAside}
        />
      )}
    </div>
  );
}

/** Says how the letters in a note are to be read, for its labeler saw another order. */
function NoteLetters({ theirs, ours }: { theirs: string[]; ours: string[] }) {
  const translated = translateLetters(theirs, ours, completionLetter);
  return translated === '' ? null : (
    <p className="text-12 text-quiet">In the note, by its labeler’s letters: {translated}.</p>
  );
}

const key = (keys: string, label: string, run: () => void): KeyAction => ({ keys, label, run });

/** What the draft says of an older version of a label, which its labeler replaced while it was judged. */
function saidOfOlder(every: AnyLabel[], draft: ReviewDraft, label: AnyLabel): Said | undefined {
  const older = every.filter(({ number, current }) => number === label.number && !current);
  return older.flatMap(({ labelId }) => draft.verdicts.find((said) => said.labelId === labelId) ?? []).at(-1);
}
