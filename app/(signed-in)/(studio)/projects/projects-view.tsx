'use client';

import { useMutation, useQueryClient } from '@tanstack/react-query';
import Link from 'next/link';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { useUser } from '../../../components/shell/user.tsx';
import { Button } from '../../../components/ui/button.tsx';
import { Chip } from '../../../components/ui/chip.tsx';
import { Dialog } from '../../../components/ui/dialog.tsx';
import { TextArea, TextField } from '../../../components/ui/field.tsx';
import { KeyButton } from '../../../components/ui/key-button.tsx';
import { Page } from '../../../components/ui/page-frame.tsx';
import { Empty, Loaded } from '../../../components/ui/states.tsx';
import { useProject } from '../../../lib/project.tsx';
import { useTRPC } from '../../../lib/trpc.ts';

export function ProjectsView() {
  const { projects, query } = useProject();
  const user = useUser();
  const [creating, setCreating] = useState(false);
  const isAdmin = user.role === 'admin';
  const create = (
    <KeyButton keys="n" tone="primary" onPress={() => setCreating(true)}>
      Create project
    </KeyButton>
  );
  return (
    <Page
      title="Projects"
      lead="A project holds its prompts, its guidelines, its people and its rounds."
      actions={isAdmin && projects.length > 0 && create}
    >
      <Loaded query={query}>
        {(listed) =>
          listed.length === 0 ? (
            <Empty title="No project yet" action={isAdmin && create}>
              {isAdmin
                ? 'The first project is where prompts are imported and work is handed out.'
                : 'An admin can add you to one.'}
            </Empty>
          ) : (
            <ul className="flex flex-col">
              {listed.map((project) => (
                <li key={project.id} className="border-b py-4">
                  <Link href={`/projects/${project.id}`} className="font-strong hover:underline">
                    {project.name}
                  </Link>
                  <p className="flex flex-wrap items-center gap-2 text-12 text-quiet">
                    {project.state === 'archived' && <Chip>archived</Chip>}
                    {project.guidelineVersion === null
                      ? 'no guidelines yet'
                      : `guidelines version ${project.guidelineVersion}`}
                  </p>
                  {project.description !== '' && (
                    <p className="line-clamp-2 max-w-prose break-words text-quiet">{project.description}</p>
                  )}
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      <CreateDialog open={creating} onClose={() => setCreating(false)} />
    </Page>
  );
}

function CreateDialog({ open, onClose }: { open: boolean; onClose(): void }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const router = useRouter();
  const create = useMutation(trpc.projects.create.mutationOptions());
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => !next && onClose()}
      title="Create a project"
      actions={
        <Button
          tone="primary"
          disabled={name.trim() === ''}
          busy={create.isPending}
          onClick={() =>
            create.mutate(
              { name, description },
              {
                onSuccess: async ({ id }) => {
                  await client.invalidateQueries({ queryKey: trpc.projects.pathKey() });
                  router.push(`/projects/${id}`);
                },
              },
            )
          }
        >
          Create project
        </Button>
      }
    >
      <TextField
        label="Name"
        value={name}
        maxLength={200}
        onChange={(event) => setName(event.target.value)}
        error={create.error?.message}
      />
      <TextArea
        label="Description"
        hint="What the model of this project should become good at."
        rows={3}
        value={description}
        maxLength={5000}
        onChange={(event) => setDescription(event.target.value)}
      />
    </Dialog>
  );
}
