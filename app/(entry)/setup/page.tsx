'use client';

import { useMutation, useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import { buttonClass } from '../../components/ui/button.tsx';
import { Loaded } from '../../components/ui/states.tsx';
import { useTRPC } from '../../lib/trpc.ts';
import { AccountForm } from '../account-form.tsx';

export default function SetupPage() {
  const trpc = useTRPC();
  const needed = useQuery(trpc.people.setupNeeded.queryOptions());
  const setup = useMutation(trpc.people.setup.mutationOptions());
  return (
    <Loaded query={needed}>
      {(isNeeded) =>
        isNeeded ? (
          <AccountForm
            title="Set up Touchstone"
            lead="This makes the first account, an admin. Everybody else is invited by an admin."
            verb="Make the first account"
            create={(account) => setup.mutateAsync(account)}
          />
        ) : (
          <div className="flex flex-col items-start gap-4">
            <h1 className="text-28 font-strong">Set up already</h1>
            <p className="text-quiet">
              Touchstone has its first admin. Sign in, or ask an admin for an invitation.
            </p>
            <Link href="/sign-in" className={buttonClass('primary')}>
              Go to sign in
            </Link>
          </div>
        )
      }
    </Loaded>
  );
}
