'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import Link from 'next/link';
import { useState } from 'react';
import { Button } from '../../../components/ui/button.tsx';
import { StatusChip } from '../../../components/ui/chip.tsx';
import { Confirm } from '../../../components/ui/dialog.tsx';
import { KeyButton } from '../../../components/ui/key-button.tsx';
import { useNotices } from '../../../components/ui/notices.tsx';
import { Page, Section } from '../../../components/ui/page-frame.tsx';
import { Loaded } from '../../../components/ui/states.tsx';
import { Table } from '../../../components/ui/table.tsx';
import { ago, count, dateTime } from '../../../lib/format.ts';
import { type Outputs, useTRPC } from '../../../lib/trpc.ts';
import { useNow } from '../../../lib/use-now.ts';
import { InviteDialog } from './invite-dialog.tsx';

type Person = Outputs['people']['list'][number];
const ROLES = ['contractor', 'researcher', 'admin'] as const;

/** Everybody who has an account, and who is invited. */
export function PeopleView({ ownId }: { ownId: string }) {
  const trpc = useTRPC();
  const client = useQueryClient();
  const { notify } = useNotices();
  const now = useNow(60_000);
  const people = useQuery(trpc.people.list.queryOptions());
  const invites = useQuery(trpc.people.invites.queryOptions());
  const setRole = useMutation(trpc.people.setRole.mutationOptions());
  const setStatus = useMutation(trpc.people.setStatus.mutationOptions());
  const revoke = useMutation(trpc.people.revokeInvite.mutationOptions());
  const [inviting, setInviting] = useState(false);
  const [pausing, setPausing] = useState<Person | null>(null);

  async function act(what: () => Promise<unknown>, said: string) {
    try {
      await what();
      notify({ tone: 'green', text: said });
    } catch (error) {
      notify({ tone: 'red', text: error instanceof Error ? error.message : 'No answer.' });
    }
    setPausing(null);
    await client.invalidateQueries({ queryKey: trpc.people.pathKey() });
  }

  const open = (invites.data ?? []).filter((invite) => !invite.acceptedAt && !invite.revokedAt);

  return (
    <Page
      title="People"
      lead="Who may do what. A paused person cannot sign in; everything they wrote stays."
      actions={
        <KeyButton keys="n" tone="primary" onPress={() => setInviting(true)}>
          Invite person
        </KeyButton>
      }
    >
      <Section title="Accounts">
        <Loaded query={people} rows={8}>
          {(rows) => (
            <Table
              caption="Accounts, by name"
              rows={rows}
              rowKey={(person) => person.id}
              columns={[
                {
                  head: 'Person',
                  cell: (person) => (
                    <div className="max-w-72">
                      <p className="truncate font-strong">{person.name}</p>
                      <p className="truncate text-12 text-quiet">{person.email}</p>
                    </div>
                  ),
                },
                {
                  head: 'Role',
                  cell: (person) => (
                    <select
                      aria-label={`Role of ${person.name}`}
                      value={person.role}
                      disabled={person.id === ownId}
                      onChange={(event) => {
                        const role = ROLES.find((one) => one === event.target.value);
                        if (role)
                          void act(
                            () => setRole.mutateAsync({ userId: person.id, role }),
                            `${person.name} is now ${role}.`,
                          );
                      }}
                      className="h-7 rounded-one border border-edge bg-surface px-1 text-12 disabled:bg-sunken disabled:text-quiet"
                    >
                      {ROLES.map((role) => (
                        <option key={role}>{role}</option>
                      ))}
                    </select>
                  ),
                },
                {
                  head: 'Projects',
                  cell: (person) => (
                    <span className="text-12">
                      {person.role === 'admin'
                        ? 'all'
                        : person.projects.length === 0
                          ? 'none'
                          : person.projects.map((one, index) => (
                              <span key={one.id}>
                                {index > 0 && ', '}
                                <Link
                                  href={`/quality/people/${person.id}?project=${one.id}`}
                                  title={`How ${person.name} does in ${one.name}`}
                                  className="underline underline-offset-2"
                                >
                                  {one.name}
                                </Link>
                              </span>
                            ))}
                    </span>
                  ),
                },
                {
                  head: 'Demonstrations',
                  numeric: true,
                  cell: (person) => count(person.labels.demonstrations),
                },
                { head: 'Rankings', numeric: true, cell: (person) => count(person.labels.rankings) },
                {
                  head: 'Last sign-in',
                  cell: (person) => (
                    <span className="text-12 whitespace-nowrap text-quiet">
                      {person.lastSignInAt && now !== null ? ago(person.lastSignInAt, now) : 'never'}
                    </span>
                  ),
                },
                {
                  head: 'State',
                  cell: (person) => (
                    <span className="flex items-center gap-2">
                      {person.status === 'paused' ? (
                        <StatusChip status="paused" />
                      ) : (
                        <span className="text-12">active</span>
                      )}
                      {person.id !== ownId &&
                        (person.status === 'active' ? (
                          <Button small tone="quiet" onClick={() => setPausing(person)}>
                            Pause
                          </Button>
                        ) : (
                          <Button
                            small
                            tone="quiet"
                            onClick={() =>
                              void act(
                                () => setStatus.mutateAsync({ userId: person.id, status: 'active' }),
                                `${person.name} may sign in again.`,
                              )
                            }
                          >
                            Resume
                          </Button>
                        ))}
                    </span>
                  ),
                },
              ]}
            />
          )}
        </Loaded>
      </Section>
      <Section title="Open invitations">
        {open.length === 0 ? (
          <p className="text-quiet">None is open. An invitation is a link that you hand over yourself.</p>
        ) : (
          <Table
            caption="Open invitations"
            rows={open}
            rowKey={(invite) => invite.id}
            columns={[
              { head: 'E-mail address', cell: (invite) => invite.email },
              { head: 'Role', cell: (invite) => invite.role },
              { head: 'Invited by', cell: (invite) => invite.invitedBy },
              { head: 'Good until', numeric: true, cell: (invite) => dateTime(invite.expiresAt) },
              {
                head: 'Withdraw',
                cell: (invite) => (
                  <Button
                    small
                    tone="quiet"
                    aria-label={`Withdraw the invitation of ${invite.email}`}
                    onClick={() =>
                      void act(
                        () => revoke.mutateAsync({ inviteId: invite.id }),
                        'The invitation is withdrawn.',
                      )
                    }
                  >
                    Withdraw
                  </Button>
                ),
              },
            ]}
          />
        )}
      </Section>
      <InviteDialog open={inviting} onClose={() => setInviting(false)} />
      <Confirm
        open={pausing !== null}
        onOpenChange={(next) => !next && setPausing(null)}
        danger
        title={`Pause ${pausing?.name ?? ''}?`}
        description="They are signed out at once and get no more tasks. Their labels and drafts stay as they are."
        verb="Pause person"
        busy={setStatus.isPending}
        onConfirm={() =>
          pausing &&
          void act(
            () => setStatus.mutateAsync({ userId: pausing.id, status: 'paused' }),
            `${pausing.name} is paused.`,
          )
        }
      />
    </Page>
  );
}
