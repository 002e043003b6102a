'use client';

import { useMutation, useQuery } from '@tanstack/react-query';
import { Failure, Loaded } from '../../../components/ui/states.tsx';
import { useTRPC } from '../../../lib/trpc.ts';
import { AccountForm } from '../../account-form.tsx';

export function InviteForm({ token }: { token: string }) {
  const trpc = useTRPC();
  const invite = useQuery(trpc.people.inviteByToken.queryOptions({ token }, { retry: false }));
  const accept = useMutation(trpc.people.acceptInvite.mutationOptions());
  if (invite.error) {
    return (
      <div className="flex flex-col gap-4">
        <h1 className="text-28 font-strong">This invitation is not open</h1>
        <Failure error={invite.error} safe="Ask whoever invited you for a new link." />
      </div>
    );
  }
  return (
    <Loaded query={invite}>
      {({ email, role }) => (
        <AccountForm
          title="Join Touchstone"
          lead={`You are invited as ${role === 'admin' ? 'an admin' : `a ${role}`}.`}
          verb="Join"
          email={email}
          create={({ name, password }) => accept.mutateAsync({ token, name, password })}
        />
      )}
    </Loaded>
  );
}
