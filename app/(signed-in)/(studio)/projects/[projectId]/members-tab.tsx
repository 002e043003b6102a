'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import Link from 'next/link';
import { useState } from 'react';
import { Button } from '../../../../components/ui/button.tsx';
import { StatusChip } from '../../../../components/ui/chip.tsx';
import { SelectField } from '../../../../components/ui/field.tsx';
import { useNotices } from '../../../../components/ui/notices.tsx';
import { Empty, Loaded } from '../../../../components/ui/states.tsx';
import { Table } from '../../../../components/ui/table.tsx';
import { count, dateTime, percent } from '../../../../lib/format.ts';
import { type Outputs, useTRPC } from '../../../../lib/trpc.ts';

type Member = Outputs['projects']['members'][number];

/** Who works in the project, and who is let in. */
export function MembersTab({ project, canEdit }: { project: Outputs['projects']['get']; canEdit: boolean }) {
  const { id: projectId } = project;
  const screening = project.settings?.screening ?? null;
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const members = useQuery(trpc.projects.members.queryOptions({ projectId }));
  const remove = useMutation(trpc.projects.removeMember.mutationOptions());
  return (
    <div className="flex flex-col gap-6">
      {canEdit && (
        <AddMember projectId={projectId} memberIds={(members.data ?? []).map((one) => one.userId)} />
      )}
      <Loaded query={members}>
        {(rows) =>
          rows.length === 0 ? (
            <Empty title="Nobody is in this project yet">
              Admins reach it all the same; labelers must be added.
            </Empty>
          ) : (
            <Table
              caption="Members"
              rows={rows}
              rowKey={(member) => member.userId}
              columns={[
                {
                  head: 'Person',
                  cell: (member) => (
                    <div className="max-w-72">
                      <Link
                        href={`/quality/people/${member.userId}?project=${projectId}`}
                        className="block truncate hover:underline"
                      >
                        {member.name}
                      </Link>
                      <p className="truncate text-12 text-quiet">{member.email}</p>
                    </div>
                  ),
                },
                { head: 'Role here', cell: (member) => member.role },
                {
                  head: 'State',
                  cell: (member) => (member.status === 'paused' ? <StatusChip status="paused" /> : 'active'),
                },
                {
                  head: 'Reviews',
                  cell: (member) =>
                    member.role === 'contractor' ? (
                      <Reviewer projectId={projectId} member={member} canEdit={canEdit} />
                    ) : (
                      'always'
                    ),
                },
                ...(screening === null
                  ? []
                  : [
                      {
                        head: 'Screening',
                        cell: (member: Member) => (
                          <Screened
                            projectId={projectId}
                            member={member}
                            tasks={screening.tasks}
                            canEdit={canEdit}
                          />
                        ),
                      },
                    ]),
                { head: 'Since', numeric: true, cell: (member) => dateTime(member.since) },
                {
                  head: 'Remove',
                  cell: (member) =>
                    canEdit && (
                      <Button
                        small
                        tone="quiet"
                        aria-label={`Remove ${member.name} from the project`}
                        onClick={() =>
                          remove.mutate(
                            { projectId, userId: member.userId },
                            {
                              onSuccess: async () => {
                                await client.invalidateQueries({ queryKey: trpc.projects.pathKey() });
                                notify({ text: `${member.name} is out of the project; their labels stay.` });
                              },
                              onError: (error) => notify({ tone: 'red', text: error.message }),
                            },
                          )
                        }
                      >
                        Remove
                      </Button>
                    ),
                },
              ]}
            />
          )
        }
      </Loaded>
    </div>
  );
}

function Reviewer({ projectId, member, canEdit }: { projectId: string; member: Member; canEdit: boolean }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const change = useMutation(trpc.projects.setReviewer.mutationOptions());
  if (!canEdit) return member.mayReview ? 'yes' : 'no';
  return (
    <label className="inline-flex items-center gap-2">
      <input
        type="checkbox"
        className="size-4 accent-gold"
        aria-label={`${member.name} gets reviews`}
        checked={member.mayReview}
        disabled={change.isPending}
        onChange={(event) => {
          const mayReview = event.target.checked;
          change.mutate(
            { projectId, userId: member.userId, mayReview },
            {
              onSuccess: async () => {
                await client.invalidateQueries({ queryKey: trpc.projects.pathKey() });
                notify({
                  text: `${member.name} ${mayReview ? 'gets reviews from now on' : 'gets no more reviews'}.`,
                });
              },
              onError: (error) => notify({ tone: 'red', text: error.message }),
            },
          );
        }}
      />
      {member.mayReview ? 'yes' : 'no'}
    </label>
  );
}

function Screened({
  projectId,
  member,
  tasks,
  canEdit,
}: {
  projectId: string;
  member: Member;
  tasks: number;
  canEdit: boolean;
}) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const letThrough = useMutation(trpc.projects.letThrough.mutationOptions());
  if (member.role === 'admin') return 'not needed';
  const { done, accuracy } = member.screening ?? { done: 0, accuracy: null };
  const met = accuracy === null ? '' : `, ${percent(accuracy)} met`;
  const said = `${count(done)} of ${count(tasks)} done${met}`;
  if (member.screenedAt !== null) {
    return (
      <span className="whitespace-nowrap">
        {done < tasks ? 'let through' : `passed or let through${met}`}
      </span>
    );
  }
  return (
    <span className="inline-flex items-center gap-2 whitespace-nowrap">
      {done >= tasks ? `not passed${met}` : said}
      {canEdit && (
        <Button
          small
          busy={letThrough.isPending}
          aria-label={`Let ${member.name} through to real work`}
          onClick={() =>
            letThrough.mutate(
              { projectId, userId: member.userId },
              {
                onSuccess: async () => {
                  await client.invalidateQueries({ queryKey: trpc.projects.pathKey() });
                  notify({ tone: 'green', text: `${member.name} gets real work from now on.` });
                },
                onError: (error) => notify({ tone: 'red', text: error.message }),
              },
            )
          }
        >
          Let through
        </Button>
      )}
    </span>
  );
}

function AddMember({ projectId, memberIds }: { projectId: string; memberIds: string[] }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const people = useQuery(trpc.people.list.queryOptions());
  const add = useMutation(trpc.projects.addMember.mutationOptions());
  const [userId, setUserId] = useState('');
  const others = (people.data ?? []).filter(
    (person) => !memberIds.includes(person.id) && person.role !== 'admin',
  );
  const chosen = others.find((person) => person.id === userId);
  return (
    <form
      className="flex max-w-xl items-end gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        if (!chosen) return;
        add.mutate(
          { projectId, userId: chosen.id, role: chosen.role },
          {
            onSuccess: async () => {
              await client.invalidateQueries({ queryKey: trpc.projects.pathKey() });
              notify({ tone: 'green', text: `${chosen.name} is in the project.` });
              setUserId('');
            },
          },
        );
      }}
    >
      <div className="min-w-0 flex-1">
        <SelectField
          label="Let a person in"
          value={userId}
          onChange={(event) => setUserId(event.target.value)}
          error={add.error?.message}
        >
          <option value="">Choose a person</option>
          {others.map((person) => (
            <option key={person.id} value={person.id}>
              {person.name} ({person.role})
            </option>
          ))}
        </SelectField>
      </div>
      <Button type="submit" disabled={!chosen} busy={add.isPending}>
        Add
      </Button>
    </form>
  );
}
