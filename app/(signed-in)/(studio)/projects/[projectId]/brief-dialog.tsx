'use client';

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '../../../../components/ui/button.tsx';
import { Dialog } from '../../../../components/ui/dialog.tsx';
import { SelectField, TextArea, TextField } from '../../../../components/ui/field.tsx';
import { useNotices } from '../../../../components/ui/notices.tsx';
import { count } from '../../../../lib/format.ts';
import { useTRPC } from '../../../../lib/trpc.ts';

const FORMS = {
  plain: 'Plain: any task, as different from one another as can be',
  few_shot: 'Few-shot: an instruction with several examples of it',
  user_based: 'User-based: something that a user would ask',
} as const;
type Form = keyof typeof FORMS;
const isForm = (value: string): value is Form => value in FORMS;

/** Asks for prompts as well as answers: what about, in which form, and how many. */
export function BriefDialog({ projectId, onClose }: { projectId: string; onClose(): void }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const create = useMutation(trpc.projects.createBriefTasks.mutationOptions());
  const [form, setForm] = useState<Form>('plain');
  const [instruction, setInstruction] = useState('');
  const [wanted, setWanted] = useState('20');

  async function run() {
    try {
      const { created } = await create.mutateAsync({ projectId, form, instruction, count: Number(wanted) });
      await client.invalidateQueries({ queryKey: trpc.projects.pathKey() });
      notify({ tone: 'green', text: `${count(created)} tasks queued.` });
      onClose();
    } catch {
      // Shown at the field below.
    }
  }

  return (
    <Dialog
      open
      onOpenChange={(open) => !open && onClose()}
      title="Have prompts written"
      description="In these tasks the labeler writes the prompt and then the answer to it."
      actions={
        <Button
          tone="primary"
          disabled={instruction.trim() === ''}
          busy={create.isPending}
          onClick={() => void run()}
        >
          Queue tasks
        </Button>
      }
    >
      <SelectField
        label="Form of the prompt"
        value={form}
        onChange={(event) => isForm(event.target.value) && setForm(event.target.value)}
      >
        {Object.entries(FORMS).map(([value, name]) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </SelectField>
      <TextArea
        label="What to write about"
        hint="A sentence or two, in Markdown; every labeler of these tasks reads it."
        rows={4}
        required
        value={instruction}
        onChange={(event) => setInstruction(event.target.value)}
        error={create.error?.message}
      />
      <TextField
        label="Tasks"
        type="number"
        min={1}
        max={10000}
        required
        value={wanted}
        onChange={(event) => setWanted(event.target.value)}
      />
    </Dialog>
  );
}
