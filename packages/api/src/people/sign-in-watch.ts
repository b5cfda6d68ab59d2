import type { PrismaClient } from '@quantadb/prisma/client';
import type { BetterAuthPlugin } from 'better-auth';
import { APIError, createAuthMiddleware, getSessionFromCtx, isAPIError } from 'better-auth/api';
import { symmetricDecrypt } from 'better-auth/crypto';
import type { Audit } from '../audit/audit.ts';
import { clientAddressHeader } from '../http/client-address.ts';
import { takeCode, usedCodeWords } from './used-codes.ts';

const nameCharactersMax = 200;
/** As better-auth calls the cookie of somebody whose password was right. */
const challengeCookie = 'two_factor';

type HookContext = Parameters<Parameters<typeof createAuthMiddleware>[0]>[0];

/**
 * Signing in, as the audit log has it; the last of better-auth's plugins, so that a session that only a second factor
 * opens is none yet. Also keeps what a second factor is asked for to that: signed in, it is changed under `/account`.
 */
export function signInWatch(prisma: PrismaClient, audit: Audit): BetterAuthPlugin {
  const verifies = (path: string | undefined) => path?.startsWith('/two-factor/verify-') ?? false;
  return {
    id: 'sign-in-watch',
    hooks: {
      before: [
        {
          matcher: ({ path }) => verifies(path),
          handler: createAuthMiddleware(async (ctx) => {
            if (await getSessionFromCtx(ctx))
              throw new APIError('FORBIDDEN', { message: 'signed in already' });
            if (ctx.body?.trustDevice) throw new APIError('BAD_REQUEST', { message: 'no device is trusted' });
          }),
        },
        {
          matcher: ({ path }) => path === '/two-factor/verify-totp',
          handler: createAuthMiddleware(async (ctx) => {
            const refused = await refusalOfCode(prisma, ctx);
            if (!refused) return;
            const ip = ctx.headers?.get(clientAddressHeader) ?? null;
            const record = { action: 'sign-in', target: refused.email, detail: usedCodeWords };
            await audit.write({ principal: null, ip }, { ...record, outcome: 'refused' });
            throw new APIError('UNAUTHORIZED', { message: `${usedCodeWords}: wait for the next one` });
          }),
        },
        {
          // Nobody of ours sends one, and one that was read along would do without the provider's own page.
          matcher: ({ path }) => path === '/sign-in/social',
          handler: createAuthMiddleware(async (ctx) => {
            if (ctx.body?.idToken) throw new APIError('BAD_REQUEST', { message: 'no ID token is taken' });
          }),
        },
      ],
      after: [
        {
          matcher: ({ path }) => path === '/sign-in/email' || verifies(path) || path === '/callback/:id',
          handler: createAuthMiddleware(async (ctx) => {
            const user = ctx.context.newSession?.user;
            const ip = ctx.headers?.get(clientAddressHeader) ?? null;
            if (user) {
              const principal = { kind: 'user', name: user.email } as const;
              const record = { action: 'sign-in', target: user.email, detail: wayOf(ctx.path) };
              await audit.write({ principal, ip }, { ...record, outcome: 'done' });
            } else if (isAPIError(ctx.context.returned) && ctx.path !== '/callback/:id') {
              const target = String(ctx.body?.email ?? '').slice(0, nameCharactersMax);
              const record = { action: 'sign-in', target, detail: ctx.context.returned.message };
              await audit.write({ principal: null, ip }, { ...record, outcome: 'refused' });
            }
          }),
        },
      ],
    },
  };
}

/** The same code opens a second session only to somebody who has read it along. A wrong one is better-auth's to count. */
async function refusalOfCode(prisma: PrismaClient, ctx: HookContext): Promise<{ email: string } | null> {
  const { code } = (ctx.body ?? {}) as { code?: unknown };
  // Whatever else better-auth would take for the same digits would be another code here.
  if (typeof code !== 'string' || !/^\d{6}$/.test(code))
    throw new APIError('BAD_REQUEST', { message: 'a code has six digits' });
  const { name } = ctx.context.createAuthCookie(challengeCookie);
  const challenge = await ctx.getSignedCookie(name, ctx.context.secret);
  const known = challenge && (await ctx.context.internalAdapter.findVerificationValue(challenge));
  if (!known) return null;
  const factor = await prisma.twoFactor.findUnique({
    where: { userId: known.value },
    include: { user: { select: { email: true } } },
  });
  if (!factor) return null;
  const secret = await symmetricDecrypt({ key: ctx.context.secretConfig, data: factor.secret });
  const taken = await takeCode(prisma, { userId: factor.userId, secret, code });
  return taken === 'used' ? factor.user : null;
}

function wayOf(path: string): string {
  switch (path) {
    case '/sign-in/email':
      return 'with a password';
    case '/two-factor/verify-totp':
      return 'with a password and a code';
    case '/two-factor/verify-backup-code':
      return 'with a password and a backup code';
    default:
      return 'through the identity provider';
  }
}
