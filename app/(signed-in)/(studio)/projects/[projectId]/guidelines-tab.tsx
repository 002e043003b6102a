'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useDeferredValue, useState } from 'react';
import { Button } from '../../../../components/ui/button.tsx';
import { TextArea, TextField } from '../../../../components/ui/field.tsx';
import { useNotices } from '../../../../components/ui/notices.tsx';
import { ReadingText } from '../../../../components/ui/reading-text.tsx';
import { Empty, Loaded, Loading } from '../../../../components/ui/states.tsx';
import { count, dateTime } from '../../../../lib/format.ts';
import { type Outputs, useTRPC } from '../../../../lib/trpc.ts';

const WhatChanged = lazy(() => import('../../../../components/work/guidelines/what-changed.tsx'));

type Version = Outputs['guidelines']['list'][number];

/** The written instructions: the current version, the older ones, and the editor of the next. */
export function GuidelinesTab({ projectId, canEdit }: { projectId: string; canEdit: boolean }) {
  const trpc = useTRPC();
  const list = useQuery(trpc.guidelines.list.queryOptions({ projectId }));
  const use = useQuery(trpc.guidelines.use.queryOptions({ projectId }));
  const useOf = new Map(use.data?.map((one) => [one.guidelineId, one]));
  const [editing, setEditing] = useState(false);
  return (
    <Loaded query={list}>
      {(versions) => {
        const current = versions[0];
        if (editing) {
          return (
            <Editor
              projectId={projectId}
              baseVersion={current?.version ?? 0}
              text={current?.markdown ?? ''}
              onDone={() => setEditing(false)}
            />
          );
        }
        if (!current) {
          return (
            <Empty
              title="No guidelines yet"
              action={
                canEdit && (
                  <Button tone="primary" onClick={() => setEditing(true)}>
                    Write guidelines
                  </Button>
                )
              }
            >
              Labelers see them beside every task. Each label is tied to the version it was made under.
            </Empty>
          );
        }
        return (
          <div className="flex flex-col gap-6">
            <div className="flex flex-wrap items-center gap-4">
              <p className="flex-1 text-12 text-quiet">
                Version {current.version} · {dateTime(current.createdAt)}
                {current.author && ` · ${current.author}`}
                {current.changeNote !== '' && ` · ${current.changeNote}`}
              </p>
              {canEdit && <Button onClick={() => setEditing(true)}>Edit guidelines</Button>}
            </div>
            <UseLine use={useOf.get(current.id)} known={use.data !== undefined} />
            <ReadingText text={current.markdown} />
            <Difference version={current} before={versions[1]} />
            {versions.slice(1).map((version, index) => (
              <details key={version.id}>
                <summary className="text-12 text-quiet">
                  Version {version.version} · {dateTime(version.createdAt)}{' '}
                  {version.changeNote !== '' && `· ${version.changeNote}`}
                </summary>
                <div className="flex flex-col gap-4 pt-3">
                  <UseLine use={useOf.get(version.id)} known={use.data !== undefined} />
                  <ReadingText text={version.markdown} />
                  <Difference version={version} before={versions[index + 2]} />
                </div>
              </details>
            ))}
          </div>
        );
      }}
    </Loaded>
  );
}

/** What was made under a version, and who has read it. */
function UseLine({ use, known }: { use: Outputs['guidelines']['use'][number] | undefined; known: boolean }) {
  if (!known) return null;
  const labels = use?.labels ?? 0;
  const readers = use?.readers ?? 0;
  return (
    <p className="text-12 text-quiet">
      {count(labels)} {labels === 1 ? 'label was' : 'labels were'} made under it · {count(readers)}{' '}
      {readers === 1 ? 'person has' : 'people have'} said that they read it
    </p>
  );
}

/** How a version differs from the one before; compared when it is opened. */
function Difference({ version, before }: { version: Version; before: Version | undefined }) {
  const [open, setOpen] = useState(false);
  if (!before) return null;
  return (
    <div className="flex flex-col items-start gap-3">
      <Button small aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? 'Hide' : 'Show'} what changed since version {before.version}
      </Button>
      {open && (
        <Suspense fallback={<Loading rows={3} label="Comparing the versions" />}>
          <WhatChanged before={before.markdown} after={version.markdown} />
        </Suspense>
      )}
    </div>
  );
}

interface EditorProps {
  projectId: string;
  baseVersion: number;
  text: string;
  onDone(): void;
}

function Editor({ projectId, baseVersion, text, onDone }: EditorProps) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const publish = useMutation(trpc.guidelines.publish.mutationOptions());
  const [markdown, setMarkdown] = useState(text);
  const [changeNote, setChangeNote] = useState('');
  // The comparison may lag behind the keys, never hold them up.
  const settled = useDeferredValue(markdown);
  return (
    <div className="flex flex-col gap-4">
      <div className="grid gap-6 lg:grid-cols-2">
        <TextArea
          label="Guidelines"
          hint="Markdown. Say what a good answer is, what to do in doubt, and give examples."
          rows={22}
          value={markdown}
          onChange={(event) => setMarkdown(event.target.value)}
          className="figures"
          error={publish.error?.message}
        />
        <div>
          <h3 className="pb-1 text-14 font-strong">Preview</h3>
          <ReadingText text={markdown} />
          {text !== '' && markdown !== text && (
            <div className="mt-6 border-t pt-4">
              <h3 className="pb-2 text-14 font-strong">Changed since version {baseVersion}</h3>
              <Suspense fallback={<Loading rows={3} label="Comparing the versions" />}>
                <WhatChanged before={text} after={settled} />
              </Suspense>
            </div>
          )}
        </div>
      </div>
      <TextField
        label="What changed"
        hint="One sentence; labelers read it when the version appears."
        value={changeNote}
        maxLength={500}
        onChange={(event) => setChangeNote(event.target.value)}
      />
      <div className="flex gap-2">
        <Button
          tone="primary"
          disabled={markdown.trim() === '' || markdown === text}
          busy={publish.isPending}
          onClick={() =>
            publish.mutate(
              { projectId, markdown, changeNote, baseVersion },
              {
                onSuccess: async ({ version }) => {
                  await client.invalidateQueries({ queryKey: trpc.guidelines.pathKey() });
                  notify({ tone: 'green', text: `Version ${version} is published. New tasks carry it.` });
                  onDone();
                },
              },
            )
          }
        >
          Publish version {baseVersion + 1}
        </Button>
        <Button onClick={onDone}>Leave as it is</Button>
      </div>
    </div>
  );
}
