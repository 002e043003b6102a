import { getServerSession, type NextAuthOptions } from 'next-auth';
import * as credentialsModule from 'next-auth/providers/credentials';
import { z } from 'zod';
import { sharedDatabase } from '@/db/client.ts';
import { readEnv, requireDatabaseUrl } from './env.ts';
import { AppError } from './errors.ts';
import { findActiveUser, type SessionUser } from './people/access.ts';
import { signIn } from './people/users.ts';
import type { Context } from './trpc.ts';

type CredentialsProvider = typeof credentialsModule.default;

/** The provider's module is CommonJS: bundlers give its default export, plain Node an object that holds it. */
function credentialsProvider(): CredentialsProvider {
  const exported: CredentialsProvider & { default?: CredentialsProvider } = credentialsModule.default;
  return exported.default ?? exported;
}

const credentials = z.object({ email: z.string(), password: z.string() });

/** next-auth's options: e-mail address and password, sessions as signed cookies that hold the user's id only. */
export function authOptions(): NextAuthOptions {
  const env = readEnv();
  if (env.authSecret === undefined) {
    throw new AppError(
      'BAD_INPUT',
      'NEXTAUTH_SECRET is not set: expected a secret of at least 16 characters.',
    );
  }
  const database = sharedDatabase(requireDatabaseUrl(env));
  return {
    secret: env.authSecret,
    session: { strategy: 'jwt', maxAge: 30 * 24 * 60 * 60 },
    pages: { signIn: '/sign-in', error: '/sign-in' },
    providers: [
      credentialsProvider()({
        name: 'Touchstone',
        credentials: { email: { type: 'email' }, password: { type: 'password' } },
        async authorize(given) {
          const parsed = credentials.safeParse(given);
          return parsed.success ? signIn(database.db, parsed.data) : null;
        },
      }),
    ],
    callbacks: {
      jwt({ token, user }) {
        if (user) token.sub = user.id;
        return token;
      },
      session({ session, token }) {
        return { ...session, userId: token.sub };
      },
    },
  };
}

const sessionWithUser = z.object({ userId: z.uuid() });

/**
 * The person behind the current Next.js request, as the database knows them now: a paused or demoted person is so at
 * once, whatever their cookie says. Null when nobody is signed in.
 */
export async function currentUser(): Promise<SessionUser | null> {
  const session = sessionWithUser.safeParse(await getServerSession(authOptions()));
  if (!session.success) return null;
  return findActiveUser(sharedDatabase(requireDatabaseUrl()).db, session.data.userId);
}

/** What the procedures start from, for the current Next.js request. */
export async function requestContext(): Promise<Context> {
  const { db } = sharedDatabase(requireDatabaseUrl());
  return { db, user: await currentUser() };
}
