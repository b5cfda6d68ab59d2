import type { PrismaClient } from '@quantadb/prisma/client';
import { type BetterAuthPlugin, betterAuth } from 'better-auth';
import { prismaAdapter } from 'better-auth/adapters/prisma';
import { twoFactor } from 'better-auth/plugins/two-factor';
import type { ControlPlaneConfig } from '../config.ts';
import { clientAddressHeader } from '../http/client-address.ts';
import { deriveKey } from '../secrets.ts';
import { type OidcParts, oidcOptions, oidcPaths, oidcPlugin } from './oidc.ts';
import type { SignInTries } from './sign-in-tries.ts';
import { signInWatch } from './sign-in-watch.ts';

const sessionSeconds = 12 * 3600;
const refreshAfterSeconds = 3600;

/** What better-auth signs sessions and encrypts second factors with. */
export function sessionsKey(secret: string): string {
  return deriveKey(secret, 'sessions').toString('hex');
}

/** Sign-in by e-mail and password. Nobody signs up by himself: the first admin is made at set-up, others by admins. */
export function createAuth(
  prisma: PrismaClient,
  config: ControlPlaneConfig,
  { audit, tries, accessChanged }: Omit<OidcParts, 'prisma'> & { tries: SignInTries },
) {
  const { oidc } = config;
  const { user, databaseHooks } = oidc ? oidcOptions(oidc, { prisma, audit, accessChanged }) : {};
  // Theirs are typed by what they add; what is asked of `auth` here is better-auth's own.
  const plugins: BetterAuthPlugin[] = [
    twoFactor({ issuer: 'QuantaDB' }),
    ...(oidc ? [oidcPlugin(oidc, config.publicUrl)] : []),
    signInWatch({ prisma, audit, tries }),
  ];
  return betterAuth({
    appName: 'QuantaDB',
    baseURL: config.publicUrl,
    basePath: '/api/auth',
    secret: sessionsKey(config.secret),
    database: prismaAdapter(prisma, { provider: 'postgresql', transaction: true }),
    telemetry: { enabled: false },
    trustedOrigins: [new URL(config.publicUrl).origin],
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: 10,
      maxPasswordLength: 128,
    },
    plugins,
    ...(databaseHooks ? { databaseHooks } : {}),
    account: {
      accountLinking: { enabled: oidc?.linksByEmail ?? false },
      updateAccountOnSignIn: true,
    },
    onAPIError: { errorURL: new URL('/login', config.publicUrl).toString() },
    session: { expiresIn: sessionSeconds, updateAge: refreshAfterSeconds },
    user: {
      ...user,
      additionalFields: { role: { type: 'string', input: false, required: false, defaultValue: 'viewer' } },
    },
    rateLimit: {
      enabled: true,
      storage: 'database',
      modelName: 'rateLimit',
      window: 60,
      max: 300,
      customRules: {
        '/sign-in/email': { window: 60, max: 10 },
        '/sign-in/social': { window: 60, max: 30 },
        '/two-factor/*': { window: 60, max: 10 },
      },
    },
    advanced: {
      // Said, because the default depends on the environment it runs in.
      disableOriginCheck: false,
      cookiePrefix: 'quantadb',
      ipAddress: { ipAddressHeaders: [clientAddressHeader] },
      useSecureCookies: config.publicUrl.startsWith('https:'),
      defaultCookieAttributes: { httpOnly: true, sameSite: 'lax' },
    },
  });
}

/** What of better-auth is reached from outside; everything else of an account goes by procedures, which write it down. */
export function openAuthPaths({ oidc }: ControlPlaneConfig): string[] {
  return [
    '/sign-in/email',
    '/sign-out',
    '/get-session',
    '/two-factor/verify-totp',
    '/two-factor/verify-backup-code',
    ...(oidc ? oidcPaths : []),
  ];
}

export type Auth = ReturnType<typeof createAuth>;
