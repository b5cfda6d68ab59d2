import type { PrismaClient } from '@quantadb/prisma/client';
import { betterAuth } from 'better-auth';
import { prismaAdapter } from 'better-auth/adapters/prisma';
import type { ControlPlaneConfig } from '../config.ts';
import { deriveKey } from '../secrets.ts';

/** Set by our own HTTP server on every request, never taken from outside. */
export const clientAddressHeader = 'x-quantadb-client-address';
const sessionSeconds = 12 * 3600;
const refreshAfterSeconds = 3600;

/** Sign-in by e-mail and password. Nobody signs up by himself: the first admin is made at set-up, others by admins. */
export function createAuth(prisma: PrismaClient, config: ControlPlaneConfig) {
  return betterAuth({
    appName: 'QuantaDB',
    baseURL: config.publicUrl,
    basePath: '/api/auth',
    secret: deriveKey(config.secret, 'sessions').toString('hex'),
    database: prismaAdapter(prisma, { provider: 'postgresql', transaction: true }),
    telemetry: { enabled: false },
    trustedOrigins: [new URL(config.publicUrl).origin],
    emailAndPassword: {
      enabled: true,
      disableSignUp: true,
      minPasswordLength: 10,
      maxPasswordLength: 128,
    },
    session: { expiresIn: sessionSeconds, updateAge: refreshAfterSeconds },
    user: {
      additionalFields: { role: { type: 'string', input: false, required: false, defaultValue: 'viewer' } },
    },
    rateLimit: {
      enabled: true,
      storage: 'database',
      modelName: 'rateLimit',
      window: 60,
      max: 300,
      customRules: { '/sign-in/email': { window: 60, max: 10 } },
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

export type Auth = ReturnType<typeof createAuth>;
