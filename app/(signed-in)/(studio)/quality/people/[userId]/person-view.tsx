'use client';

import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import Link from 'next/link';
import { useState } from 'react';
import { useUser } from '../../../../../components/shell/user.tsx';
import { WithProject } from '../../../../../components/shell/with-project.tsx';
import { Button } from '../../../../../components/ui/button.tsx';
import { Chip } from '../../../../../components/ui/chip.tsx';
import { type KeyAction, useKeys } from '../../../../../components/ui/keys.tsx';
import { Facts, Page, Section } from '../../../../../components/ui/page-frame.tsx';
import { Loaded, LoadedPage } from '../../../../../components/ui/states.tsx';
import { count, dateTime, duration, percent, percentWithin } from '../../../../../lib/format.ts';
import { type Outputs, useTRPC, useTRPCClient } from '../../../../../lib/trpc.ts';
import { LongerSentence, PositionFigure } from '../../bias-part.tsx';
import type { Report } from '../../quality-view.tsx';
import { StandingChip } from '../../standing-chip.tsx';
import { STANDING_NAMES } from '../../words.ts';
import { AskReview } from './ask-review.tsx';
import { ImpactList } from './impact-list.tsx';
import { type Standing, StandingDialog } from './standing-dialog.tsx';

type Person = Outputs['quality']['person'];
type Labeler = Report['labelers'][number];

/** One labeler: their figures, their newest labels, and what an admin may do about them. */
export function PersonView({ userId }: { userId: string }) {
  return (
    <WithProject title="Labeler" none="A labeler’s figures belong to a project. An admin can add you to one.">
      {(project) => (
        <InProject key={project.id} projectId={project.id} projectName={project.name} userId={userId} />
      )}
    </WithProject>
  );
}

function InProject({
  projectId,
  projectName,
  userId,
}: {
  projectId: string;
  projectName: string;
  userId: string;
}) {
  const trpc = useTRPC();
  const person = useQuery(trpc.quality.person.queryOptions({ projectId, userId }));
  return (
    <LoadedPage query={person} title="Labeler">
      {(data) => <PersonPage person={data} projectId={projectId} projectName={projectName} />}
    </LoadedPage>
  );
}

/** What an admin may do to somebody of each standing. */
const ACTIONS: Record<Standing, { to: Standing; verb: string; key: string; danger?: boolean }[]> = {
  good: [
    { to: 'warned', verb: 'Warn', key: 'w' },
    { to: 'paused', verb: 'Pause', key: 'p' },
    { to: 'revoked', verb: 'Revoke', key: 'x', danger: true },
  ],
  warned: [
    { to: 'good', verb: 'Reinstate', key: 'i' },
    { to: 'paused', verb: 'Pause', key: 'p' },
    { to: 'revoked', verb: 'Revoke', key: 'x', danger: true },
  ],
  paused: [
    { to: 'good', verb: 'Reinstate', key: 'i' },
    { to: 'revoked', verb: 'Revoke', key: 'x', danger: true },
  ],
  revoked: [{ to: 'good', verb: 'Reinstate', key: 'i' }],
};

function PersonPage({
  person,
  projectId,
  projectName,
}: {
  person: Person;
  projectId: string;
  projectName: string;
}) {
  const user = useUser();
  const client = useQueryClient();
  const trpc = useTRPC();
  const [changing, setChanging] = useState<Standing | null>(null);
  const actions = user.role === 'admin' ? ACTIONS[person.standing] : [];
  useKeys(
    actions.map(
      ({ to, verb, key }): KeyAction => ({
        keys: key,
        label: `${verb} this person`,
        run: () => setChanging(to),
      }),
    ),
  );
  return (
    <Page
      over={
        <>
          <Link href="/quality">Quality</Link> · {projectName}
        </>
      }
      title={person.name}
      lead={
        <span className="flex flex-wrap items-center gap-2">
          <StandingChip standing={person.standing} />
          {person.kind === 'imported' ? (
            <Chip>imported labels</Chip>
          ) : (
            <span className="break-all">{person.email}</span>
          )}
          {person.role === null && person.kind === 'person' && <Chip>no member now</Chip>}
        </span>
      }
      actions={actions.map(({ to, verb, key, danger }) => (
        <Button
          key={to}
          tone={danger ? 'danger' : 'plain'}
          shortcut={key.toUpperCase()}
          onClick={() => setChanging(to)}
        >
          {verb}
        </Button>
      ))}
    >
      {person.standing !== 'good' && (
        <p className="max-w-prose border-l-2 border-edge pl-4">
          {STANDING_NAMES[person.standing]}
          {person.standingSince && ` since ${dateTime(person.standingSince)} UTC`}. They were told:{' '}
          <span dir="auto">“{person.standingNote}”</span>
        </p>
      )}
      <Figures projectId={projectId} userId={person.userId} />
      <Section title="Where their labels are">
        <Impact projectId={projectId} userId={person.userId} />
      </Section>
      <NewestLabels projectId={projectId} userId={person.userId} />
      <Section title="Standing, until now">
        {person.history.length === 0 ? (
          <p className="text-quiet">It was never changed.</p>
        ) : (
          <ol className="flex max-w-prose flex-col gap-3">
            {person.history.map((change) => (
              <li key={change.at.toISOString()}>
                <p className="text-12 text-quiet">
                  {dateTime(change.at)} UTC · {change.by ?? 'Touchstone'}
                </p>
                <p>
                  {STANDING_NAMES[change.from]} → <strong>{STANDING_NAMES[change.standing]}</strong>
                  {change.note !== '' && (
                    <>
                      : <span dir="auto">{change.note}</span>
                    </>
                  )}
                </p>
              </li>
            ))}
          </ol>
        )}
      </Section>
      {changing !== null && (
        <StandingDialog
          projectId={projectId}
          person={person}
          to={changing}
          onClose={() => setChanging(null)}
          onDone={async () => {
            setChanging(null);
            await Promise.all([
              client.invalidateQueries({ queryKey: trpc.quality.pathKey() }),
              client.invalidateQueries({ queryKey: trpc.projects.pathKey() }),
            ]);
          }}
        />
      )}
    </Page>
  );
}

function Impact({ projectId, userId }: { projectId: string; userId: string }) {
  const trpc = useTRPC();
  const impact = useQuery(trpc.quality.impact.queryOptions({ projectId, userId }));
  return <Loaded query={impact}>{(data) => <ImpactList impact={data} />}</Loaded>;
}

function Figures({ projectId, userId }: { projectId: string; userId: string }) {
  const trpc = useTRPC();
  const report = useQuery(trpc.quality.report.queryOptions({ projectId, purpose: 'training' }));
  return (
    <Loaded query={report} rows={6}>
      {(data) => {
        const labeler = data.labelers.find((one) => one.userId === userId);
        const flags = data.flags.filter((flag) => flag.userId === userId);
        if (!labeler) {
          return (
            <Section title="Figures">
              <p className="text-quiet">They have submitted no label for training yet.</p>
            </Section>
          );
        }
        return (
          <>
            {flags.length > 0 && (
              <Section title="What to look at">
                <ul className="flex max-w-prose flex-col gap-2">
                  {flags.map((flag) => (
                    <li key={flag.sentence}>
                      {labeler.name} {flag.sentence}
                    </li>
                  ))}
                </ul>
              </Section>
            )}
            <Section title="Figures">
              <OwnFacts labeler={labeler} />
            </Section>
            {labeler.bias && (
              <Section title="Bias">
                <PositionFigure position={labeler.bias.position} />
                <LongerSentence longer={labeler.bias.longer} />
              </Section>
            )}
          </>
        );
      }}
    </Loaded>
  );
}

function OwnFacts({ labeler }: { labeler: Labeler }) {
  const { agreement, gold, rejected } = labeler;
  const speeds = [
    ['ranking', labeler.rankingSpeed],
    ['demonstration', labeler.demonstrationSpeed],
  ] as const;
  return (
    <Facts
      facts={[
        { name: 'Rankings', value: count(labeler.rankings) },
        { name: 'Demonstrations', value: count(labeler.demonstrations) },
        {
          name: 'Agreement with others',
          value: agreement?.rate
            ? `${percentWithin(agreement.rate)} of ${count(agreement.rate.n)} pairs`
            : 'nothing to compare',
        },
        {
          name: 'The others with each other',
          value: agreement?.others
            ? `${percentWithin(agreement.others)} of ${count(agreement.others.n)} pairs`
            : 'nothing to compare',
        },
        { name: 'α with the others', value: agreement?.alpha?.value.toFixed(2) ?? 'nothing to compare' },
        {
          name: 'Known answers met',
          value: gold ? `${percentWithin(gold)} of ${count(gold.n)}` : 'none answered',
        },
        {
          name: 'Rejected in review',
          value: rejected ? `${percentWithin(rejected)} of ${count(rejected.n)}` : 'none reviewed',
        },
        ...speeds.flatMap(([kind, speed]) =>
          speed
            ? [
                {
                  name: `Time on a ${kind}`,
                  value: `median ${duration(speed.medianSeconds)}; 10 % below ${duration(speed.p10Seconds)}, 10 % above ${duration(speed.p90Seconds)}`,
                },
                {
                  name: kind === 'ranking' ? 'Reading' : 'Reading and writing',
                  value: `${count(speed.wordsPerMinute)} words a minute; ${count(speed.tooFast)} of ${count(speed.measured)} too fast (${percent(speed.tooFast / speed.measured)})`,
                },
              ]
            : [],
        ),
      ]}
    />
  );
}

function NewestLabels({ projectId, userId }: { projectId: string; userId: string }) {
  const trpc = useTRPC();
  const client = useTRPCClient();
  const input = { projectId, userId, limit: 10 };
  const labels = useInfiniteQuery({
    queryKey: [...trpc.quality.labels.queryKey(input), 'pages'],
    queryFn: ({ pageParam }) =>
      client.quality.labels.query({ ...input, ...(pageParam === null ? {} : { before: pageParam }) }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
  const items = labels.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Section title="Newest labels">
      <Loaded query={labels}>
        {() =>
          items.length === 0 ? (
            <p className="text-quiet">Nothing submitted yet.</p>
          ) : (
            <ol className="flex flex-col">
              {items.map((label) => (
                <li key={label.assignmentId} className="flex flex-col gap-1 border-b py-3">
                  <p className="flex flex-wrap items-center gap-2 text-12 text-quiet">
                    {dateTime(label.at)} UTC · {label.kind}
                    {label.activeSeconds > 0 && ` · ${duration(label.activeSeconds)}`}
                    {label.purpose !== 'training' && <Chip>{label.purpose}</Chip>}
                    {label.purpose === 'training' && label.kind !== 'review' && label.state !== 'late' && (
                      <AskReview projectId={projectId} taskId={label.taskId} prompt={label.prompt} />
                    )}
                    {label.state === 'late' && <Chip>late, not counted</Chip>}
                    {label.goldScore !== null && <Chip>known answer met {percent(label.goldScore)}</Chip>}
                  </p>
                  <p dir="auto" className="line-clamp-2 break-words">
                    {label.prompt}
                  </p>
                  {label.order !== null && <p className="figures break-words">{label.order}</p>}
                  {label.text !== '' && (
                    <p dir="auto" className="reading line-clamp-2 text-quiet">
                      {label.text}
                    </p>
                  )}
                </li>
              ))}
            </ol>
          )
        }
      </Loaded>
      {labels.hasNextPage && (
        <div>
          <Button busy={labels.isFetchingNextPage} onClick={() => void labels.fetchNextPage()}>
            Show older labels
          </Button>
        </div>
      )}
    </Section>
  );
}
