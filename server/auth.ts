import { cookies } from 'next/headers';
import type { NextAuthOptions } from 'next-auth';
import * as credentialsModule from 'next-auth/providers/credentials';
import { z } from 'zod';
import { sharedDatabase } from '@/db/client.ts';
import { type Env, readEnv, requireDatabaseUrl } from './env.ts';
import { AppError } from './errors.ts';
import { findActiveUser, type SessionUser } from './people/access.ts';
import { Sessions, wholeCookie } from './people/sessions.ts';
import { signIn } from './people/users.ts';
import type { Context } from './trpc.ts';

type CredentialsProvider = typeof credentialsModule.default;

/** The provider's module is CommonJS: bundlers give its default export, plain Node an object that holds it. */
function credentialsProvider(): CredentialsProvider {
  const exported: CredentialsProvider & { default?: CredentialsProvider } = credentialsModule.default;
  return exported.default ?? exported;
}

const credentials = z.object({ email: z.string(), password: z.string() });

interface Settings {
  secret: string;
  /** Over https, browsers keep the cookies from any other way in. */
  secure: boolean;
  databaseUrl: string;
  sessions: Sessions;
}

let settings: Settings | null = null;

/** What the environment says, read at the first request: while the app is built there is no database and no secret. */
function readSettings(): Settings {
  if (settings === null) {
    const env = readEnv();
    const secret = requireSecret(env);
    settings = {
      secret,
      secure: env.authUrl?.startsWith('https://') ?? false,
      databaseUrl: requireDatabaseUrl(env),
      sessions: new Sessions(secret),
    };
  }
  return settings;
}

function requireSecret({ authSecret }: Env): string {
  if (authSecret === undefined) {
    throw new AppError(
      'BAD_INPUT',
      'NEXTAUTH_SECRET is not set: expected a secret of at least 16 characters.',
    );
  }
  return authSecret;
}

/** next-auth's options: e-mail address and password, sessions as encrypted cookies that hold the user's id only. */
export function authOptions(): NextAuthOptions {
  const { secret, secure, databaseUrl } = readSettings();
  const { db } = sharedDatabase(databaseUrl);
  return {
    secret,
    useSecureCookies: secure,
    session: { strategy: 'jwt', maxAge: 30 * 24 * 60 * 60 },
    pages: { signIn: '/sign-in', error: '/sign-in' },
    providers: [
      credentialsProvider()({
        name: 'Touchstone',
        credentials: { email: { type: 'email' }, password: { type: 'password' } },
        async authorize(given) {
          const parsed = credentials.safeParse(given);
          return parsed.success ? signIn(db, parsed.data) : null;
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

/**
 * The person behind the current Next.js request, as the database knows them now: a paused or demoted person is so at
 * once, whatever their cookie says. Null when nobody is signed in.
 */
export async function currentUser(): Promise<SessionUser | null> {
  const { secure, databaseUrl, sessions } = readSettings();
  const jar = await cookies();
  const token = wholeCookie(jar.getAll(), `${secure ? '__Secure-' : ''}next-auth.session-token`);
  const userId = token === null ? null : await sessions.userOf(token);
  return userId === null ? null : findActiveUser(sharedDatabase(databaseUrl).db, userId);
}

/** What the procedures start from, for the current Next.js request. */
export async function requestContext(): Promise<Context> {
  const { db } = sharedDatabase(readSettings().databaseUrl);
  return { db, user: await currentUser() };
}
