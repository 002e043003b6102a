'use client';

import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '../../../components/ui/button.tsx';
import { Dialog } from '../../../components/ui/dialog.tsx';
import { CheckField, SelectField, TextField } from '../../../components/ui/field.tsx';
import { useNotices } from '../../../components/ui/notices.tsx';
import { dateTime } from '../../../lib/format.ts';
import { useProject } from '../../../lib/project.tsx';
import { type Outputs, useTRPC } from '../../../lib/trpc.ts';

const ROLES = ['contractor', 'researcher', 'admin'] as const;
type Invitation = Outputs['people']['invite'];

/** Makes an invitation link, shown once. */
export function InviteDialog({ open, onClose }: { open: boolean; onClose(): void }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const { projects } = useProject();
  const invite = useMutation(trpc.people.invite.mutationOptions());
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<(typeof ROLES)[number]>('contractor');
  const [projectIds, setProjectIds] = useState<string[]>([]);
  const [made, setMade] = useState<Invitation | null>(null);

  function close() {
    setMade(null);
    setEmail('');
    invite.reset();
    onClose();
  }

  const link = made === null ? '' : `${window.location.origin}${made.path}`;
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => !next && close()}
      title={made ? 'The invitation is ready' : 'Invite a person'}
      description={
        made
          ? `Hand this link to ${email}. It is shown only now, works once, and is good until ${dateTime(made.expiresAt)}.`
          : 'You get a link to hand over; Touchstone sends no mail.'
      }
      actions={
        made ? (
          <>
            <Button
              onClick={() =>
                void navigator.clipboard
                  ?.writeText(link)
                  .then(() => notify({ tone: 'green', text: 'Link copied.' }))
              }
            >
              Copy link
            </Button>
            <Button tone="primary" onClick={close}>
              Done
            </Button>
          </>
        ) : (
          <Button
            tone="primary"
            disabled={email.trim() === ''}
            busy={invite.isPending}
            onClick={() =>
              invite.mutate(
                { email, role, projectIds },
                {
                  onSuccess: async (invitation) => {
                    setMade(invitation);
                    await client.invalidateQueries({ queryKey: trpc.people.invites.queryKey() });
                  },
                },
              )
            }
          >
            Make invitation
          </Button>
        )
      }
    >
      {made ? (
        <TextField label="Link" readOnly value={link} onFocus={(event) => event.target.select()} />
      ) : (
        <>
          <TextField
            label="E-mail address"
            type="email"
            value={email}
            onChange={(event) => setEmail(event.target.value)}
            error={invite.error?.message}
          />
          <SelectField
            label="Role"
            value={role}
            onChange={(event) => setRole(ROLES.find((one) => one === event.target.value) ?? 'contractor')}
          >
            {ROLES.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </SelectField>
          {role !== 'admin' && projects.length > 0 && (
            <fieldset className="flex flex-col gap-2">
              <legend className="pb-1 text-14 font-strong">Projects</legend>
              {projects.map((project) => (
                <CheckField
                  key={project.id}
                  label={project.name}
                  checked={projectIds.includes(project.id)}
                  onChange={(event) =>
                    setProjectIds(
                      event.target.checked
                        ? [...projectIds, project.id]
                        : projectIds.filter((id) => id !== project.id),
                    )
                  }
                />
              ))}
            </fieldset>
          )}
        </>
      )}
    </Dialog>
  );
}
