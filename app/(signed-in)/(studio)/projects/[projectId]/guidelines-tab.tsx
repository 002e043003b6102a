'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '../../../../components/ui/button.tsx';
import { TextArea, TextField } from '../../../../components/ui/field.tsx';
import { useNotices } from '../../../../components/ui/notices.tsx';
import { ReadingText } from '../../../../components/ui/reading-text.tsx';
import { Empty, Loaded } from '../../../../components/ui/states.tsx';
import { dateTime } from '../../../../lib/format.ts';
import { useTRPC } from '../../../../lib/trpc.ts';

/** The written instructions: the current version, the older ones, and the editor of the next. */
export function GuidelinesTab({ projectId, canEdit }: { projectId: string; canEdit: boolean }) {
  const trpc = useTRPC();
  const list = useQuery(trpc.guidelines.list.queryOptions({ projectId }));
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
            <ReadingText text={current.markdown} />
            {versions.slice(1).map((version) => (
              <details key={version.id}>
                <summary className="text-12 text-quiet">
                  Version {version.version} · {dateTime(version.createdAt)}{' '}
                  {version.changeNote !== '' && `· ${version.changeNote}`}
                </summary>
                <div className="pt-3">
                  <ReadingText text={version.markdown} />
                </div>
              </details>
            ))}
          </div>
        );
      }}
    </Loaded>
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
