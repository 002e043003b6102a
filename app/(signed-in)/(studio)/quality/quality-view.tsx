'use client';

import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { useState } from 'react';
import { WithProject } from '../../../components/shell/with-project.tsx';
import { Button } from '../../../components/ui/button.tsx';
import { SelectField } from '../../../components/ui/field.tsx';
import { useKeys } from '../../../components/ui/keys.tsx';
import { Facts, Page, Section } from '../../../components/ui/page-frame.tsx';
import { Empty, Loaded } from '../../../components/ui/states.tsx';
import { ago, count, duration, percentWithin } from '../../../lib/format.ts';
import type { ProjectSummary } from '../../../lib/project.tsx';
import { type Outputs, useTRPC } from '../../../lib/trpc.ts';
import { useNow } from '../../../lib/use-now.ts';
import { AgreementPart } from './agreement-part.tsx';
import { BiasPart } from './bias-part.tsx';
import { LabelersTable } from './labelers-table.tsx';
import { ReviewsPart } from './reviews-part.tsx';
import { RewardPart } from './reward-part.tsx';
import { SkipReasons } from './skip-reasons.tsx';
import { alphaText } from './words.ts';

export type Report = Outputs['quality']['report'];
type Purpose = Report['purpose'];

const PURPOSES: Record<Purpose, string> = {
  training: 'Labels for training',
  evaluation: 'Evaluation votes',
  gold: 'Tasks with a known answer',
  screening: 'Screening tasks',
};
const purposes = Object.keys(PURPOSES) as Purpose[];

/** How good a project's labels are: for those who run it. */
export function QualityView() {
  return (
    <WithProject
      title="Quality"
      none="How far people agree belongs to a project. An admin can add you to one."
    >
      {(project) => <ProjectQuality key={project.id} project={project} />}
    </WithProject>
  );
}

function ProjectQuality({ project }: { project: ProjectSummary }) {
  const trpc = useTRPC();
  const now = useNow(10_000);
  const [purpose, setPurpose] = useState<Purpose>('training');
  const report = useQuery(trpc.quality.report.queryOptions({ projectId: project.id, purpose }));
  useKeys([{ keys: 'r', label: 'Measure again', run: () => void report.refetch() }]);
  return (
    <Page
      title="Quality"
      over={project.name}
      lead="How far people agree, who stands apart, and what besides the answers moves a ranking. Intervals are at 95 %; the pairs of one prompt are taken together."
      actions={
        <div className="flex flex-wrap items-end gap-2">
          <SelectField
            label="Of"
            hiddenLabel
            aria-label="Which labels"
            value={purpose}
            onChange={(event) => setPurpose(purposes.find((one) => one === event.target.value) ?? 'training')}
          >
            {purposes.map((one) => (
              <option key={one} value={one}>
                {PURPOSES[one]}
              </option>
            ))}
          </SelectField>
          <Button shortcut="R" busy={report.isFetching} onClick={() => void report.refetch()}>
            Measure again
          </Button>
        </div>
      }
    >
      <Loaded query={report} rows={10}>
        {(data) =>
          data.labelers.length === 0 ? (
            <Empty title="No labels to measure yet">
              As soon as two people have ranked the same task, their agreement will be here. Tasks want two
              labels or more when the{' '}
              <Link href={`/projects/${project.id}`} className="text-gold-text underline">
                project’s settings
              </Link>{' '}
              say so.
            </Empty>
          ) : (
            <>
              <Headline report={data} />
              <Flags report={data} projectId={project.id} />
              <AgreementPart report={data} />
              <LabelersTable report={data} projectId={project.id} />
              <BiasPart report={data} />
              <RewardPart report={data} />
              <GoldPart report={data} />
              <ReviewsPart projectId={project.id} />
              <SkipReasons projectId={project.id} />
              <p className="text-12 text-quiet">
                Measured {now === null ? '' : ago(data.measuredAt, now)}, over current labels that were not
                late. Labels of revoked people count in their own row only.
              </p>
            </>
          )
        }
      </Loaded>
    </Page>
  );
}

function Headline({ report }: { report: Report }) {
  const { rate, alpha } = report.agreement;
  const { rankingSpeed, demonstrationSpeed } = report;
  const big = (text: string) => <span className="text-21">{text}</span>;
  return (
    <Facts
      facts={[
        {
          name: 'Pairwise agreement',
          value: rate ? (
            <>
              {big(percentWithin(rate))}
              <br />
              <span className="text-12 text-quiet">
                {count(rate.n)} pairs, {count(rate.clusters)} prompts
              </span>
            </>
          ) : (
            'nothing to compare yet'
          ),
        },
        {
          name: 'Krippendorff’s α',
          value: alpha ? (
            <>
              {big(alpha.value.toFixed(2))}
              <br />
              <span className="text-12 text-quiet">{alphaText(alpha)}</span>
            </>
          ) : (
            'nothing to compare yet'
          ),
        },
        {
          name: 'Known answers met',
          value: report.gold.overall ? (
            <>
              {big(percentWithin(report.gold.overall))}
              <br />
              <span className="text-12 text-quiet">{count(report.gold.overall.n)} answers</span>
            </>
          ) : (
            'no such task answered'
          ),
        },
        {
          name: 'Rankings',
          value: (
            <>
              {big(count(report.rankings))}
              <br />
              <span className="text-12 text-quiet">
                {rankingSpeed ? `median ${duration(rankingSpeed.medianSeconds)}` : 'no time measured'}
              </span>
            </>
          ),
        },
        {
          name: 'Demonstrations',
          value: (
            <>
              {big(count(report.demonstrations))}
              <br />
              <span className="text-12 text-quiet">
                {demonstrationSpeed
                  ? `median ${duration(demonstrationSpeed.medianSeconds)}`
                  : 'no time measured'}
              </span>
            </>
          ),
        },
      ]}
    />
  );
}

function Flags({ report, projectId }: { report: Report; projectId: string }) {
  const names = new Map(report.labelers.map(({ userId, name }) => [userId, name]));
  return (
    <Section title="What to look at">
      {report.flags.length === 0 ? (
        <p className="text-quiet">
          Nobody stands apart by the rules that are checked: agreement, known answers, speed, position and
          reviews.
        </p>
      ) : (
        <ul className="flex max-w-prose flex-col gap-2">
          {report.flags.map((flag) => (
            <li key={`${flag.userId} ${flag.kind} ${flag.sentence}`} className="flex gap-2">
              <span aria-hidden="true" className="text-gold-text">
                ▸
              </span>
              <span>
                <Link
                  href={`/quality/people/${flag.userId}?project=${projectId}`}
                  className="font-strong hover:underline"
                >
                  {names.get(flag.userId)}
                </Link>{' '}
                {flag.sentence}
              </span>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function GoldPart({ report }: { report: Report }) {
  const { tasks } = report.gold;
  if (tasks.length === 0) return null;
  return (
    <Section title="Tasks with a known answer">
      <p className="max-w-prose text-quiet">
        Those that are missed most come first. One that nearly everybody misses may have a wrong known answer.
      </p>
      <ul className="flex flex-col">
        {tasks.map((task) => (
          <li key={task.taskId} className="flex flex-wrap items-baseline gap-x-4 border-b py-2">
            <span dir="auto" className="min-w-0 flex-1 basis-72 break-words">
              {task.prompt}
            </span>
            <span className="text-12 text-quiet">{task.purpose}</span>
            <span className="figures text-right">
              {percentWithin(task.score)} of {count(task.score.n)}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}
