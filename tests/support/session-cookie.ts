import { encode } from 'next-auth/jwt';

/** The cookie of a person who has signed in to a web app with this secret, without the password's costly hash. */
export async function sessionCookie(userId: string, secret: string): Promise<string> {
  return `next-auth.session-token=${await encode({ token: { sub: userId }, secret })}`;
}
