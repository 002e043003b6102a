'use client';

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '../../../components/ui/button.tsx';
import { Dialog } from '../../../components/ui/dialog.tsx';
import { CheckField, SelectField, TextField } from '../../../components/ui/field.tsx';
import { useNotices } from '../../../components/ui/notices.tsx';
import type { ProjectSummary } from '../../../lib/project.tsx';
import { useTRPC } from '../../../lib/trpc.ts';

type Kind = 'prompts' | 'trees';

const HINTS: Record<Kind, string> = {
  prompts:
    'JSON lines: {"prompt": "…"} or {"prompt": [{"role": "user", "content": "…"}]}, with an optional "id".',
  trees:
    'Open-Assistant trees as JSON lines: prompts, replies and their ranks become prompts, completions and rankings.',
};

/** Counts of what an import wrote, in words. */
function said(result: object): string {
  const parts = Object.entries(result).flatMap(([name, value]) =>
    typeof value === 'number'
      ? [`${value.toLocaleString('en')} ${name.replace(/([A-Z])/g, ' $1').toLowerCase()}`]
      : [],
  );
  return parts.length === 0 ? 'Imported.' : `Imported: ${parts.join(', ')}.`;
}

/** Reads a file into the project, all of it or nothing. */
export function ImportDialog({
  project,
  open,
  onClose,
}: {
  project: ProjectSummary;
  open: boolean;
  onClose(): void;
}) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const prompts = useMutation(trpc.datasets.importPrompts.mutationOptions());
  const trees = useMutation(trpc.datasets.importTrees.mutationOptions());
  const [kind, setKind] = useState<Kind>('prompts');
  const [file, setFile] = useState<File | null>(null);
  const [extra, setExtra] = useState(true);
  const [error, setError] = useState<string | null>(null);

  async function run() {
    if (!file) return;
    setError(null);
    try {
      const common = { projectId: project.id, fileName: file.name, text: await file.text() };
      const result =
        kind === 'prompts'
          ? await prompts.mutateAsync({ ...common, demonstrationTasks: extra })
          : await trees.mutateAsync({ ...common, demonstrations: extra });
      await client.invalidateQueries();
      notify({ tone: 'green', text: said(result) });
      onClose();
    } catch (thrown) {
      setError(`${thrown instanceof Error ? thrown.message : 'No answer.'} Nothing was imported.`);
    }
  }

  return (
    <Dialog
      open={open}
      onOpenChange={(next) => !next && onClose()}
      title={`Import into ${project.name}`}
      description="A file is read as a whole: when one line is wrong, nothing of it is kept."
      actions={
        <Button
          tone="primary"
          disabled={file === null}
          busy={prompts.isPending || trees.isPending}
          onClick={() => void run()}
        >
          Import file
        </Button>
      }
    >
      <SelectField
        label="What the file holds"
        hint={HINTS[kind]}
        value={kind}
        onChange={(event) => setKind(event.target.value === 'trees' ? 'trees' : 'prompts')}
      >
        <option value="prompts">Prompts</option>
        <option value="trees">Open-Assistant trees</option>
      </SelectField>
      <TextField
        label="File"
        type="file"
        accept=".jsonl,.json,.ndjson"
        onChange={(event) => setFile(event.target.files?.[0] ?? null)}
        error={error}
        className="py-1.5"
      />
      <CheckField
        label={
          kind === 'prompts'
            ? 'Ask for a demonstration of each training prompt'
            : 'Take the best reply of each prompt as a demonstration too'
        }
        checked={extra}
        onChange={(event) => setExtra(event.target.checked)}
      />
    </Dialog>
  );
}
