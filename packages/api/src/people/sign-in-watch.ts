import type { PrismaClient } from '@quantadb/prisma/client';
import type { BetterAuthPlugin } from 'better-auth';
import { APIError, createAuthMiddleware, getSessionFromCtx, isAPIError } from 'better-auth/api';
import { symmetricDecrypt } from 'better-auth/crypto';
import type { Audit } from '../audit/audit.ts';
import { clientAddressHeader } from '../http/client-address.ts';
import { browserKnownSeconds, type SignInTries } from './sign-in-tries.ts';
import { takeCode, usedCodeWords } from './used-codes.ts';

const nameCharactersMax = 200;
const passwordPath = '/sign-in/email';
const guessedWords =
  'so many passwords of this account were tried, over all addresses, that browsers in which it was never signed in have to wait';
/** As better-auth calls the cookie of somebody whose password was right. */
const challengeCookie = 'two_factor';

/** As the page knows that waiting a minute is not all that can be done. */
const accountTriesCode = 'ACCOUNT_TRIES';

type HookContext = Parameters<Parameters<typeof createAuthMiddleware>[0]>[0];

interface WatchOptions {
  prisma: PrismaClient;
  audit: Audit;
  tries: SignInTries;
}

/**
 * Signing in, as the audit log has it; the last of better-auth's plugins, so that a session that only a second factor
 * opens is none yet. Also keeps what a second factor is asked for to that: signed in, it is changed under `/account`.
 */
export function signInWatch({ prisma, audit, tries }: WatchOptions): BetterAuthPlugin {
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
          matcher: ({ path }) => path === passwordPath,
          handler: createAuthMiddleware((ctx) => admitPassword(ctx, { audit, tries })),
        },
        {
          matcher: ({ path }) => path === '/two-factor/verify-totp',
          handler: createAuthMiddleware(async (ctx) => {
            const refused = await refusalOfCode(prisma, ctx);
            if (!refused) return;
            const record = { action: 'sign-in', target: refused.email, detail: usedCodeWords };
            await audit.write(strangerOf(ctx), { ...record, outcome: 'refused' });
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
          matcher: ({ path }) => path === passwordPath,
          handler: createAuthMiddleware(async (ctx) => {
            const taken = admitted.get(ctx.body);
            if (taken && !isAPIError(ctx.context.returned)) await tries.giveBack(taken);
          }),
        },
        {
          matcher: ({ path }) => path === passwordPath || verifies(path) || path === '/callback/:id',
          handler: createAuthMiddleware(async (ctx) => {
            const user = ctx.context.newSession?.user;
            const { ip } = strangerOf(ctx);
            if (user) {
              const principal = { kind: 'user', name: user.email } as const;
              const record = { action: 'sign-in', target: user.email, detail: wayOf(ctx.path) };
              await audit.write({ principal, ip }, { ...record, outcome: 'done' });
              rememberBrowser(ctx, user.email, tries);
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

/** What was taken for a request, by its body: that is one object from the first hook to the last. */
const admitted = new WeakMap<object, { key: string }>();

async function admitPassword(
  ctx: HookContext,
  { audit, tries }: Omit<WatchOptions, 'prisma'>,
): Promise<void> {
  const email: unknown = ctx.body?.email;
  // What has no such shape is better-auth's to refuse: it looks no password up.
  if (typeof email !== 'string' || email.length > nameCharactersMax) return;
  const taken = await tries.take(email, ctx.getCookie(tries.cookieName(email)));
  if (taken.ok) return void admitted.set(ctx.body, taken);
  if (taken.isNews) {
    const record = { action: 'sign-in', target: email, detail: guessedWords };
    await audit.write(strangerOf(ctx), { ...record, outcome: 'refused' });
  }
  const message = `too many passwords of this account were tried: wait ${taken.seconds} s`;
  const headers = { 'retry-after': String(taken.seconds) };
  throw new APIError('TOO_MANY_REQUESTS', { message, code: accountTriesCode }, headers);
}

/** After a full sign-in only: whoever has the password but not the code has shown nothing yet. */
function rememberBrowser(ctx: HookContext, email: string, tries: SignInTries): void {
  const { secure } = ctx.context.authCookies.sessionToken.attributes;
  ctx.setCookie(tries.cookieName(email), tries.newBrowser(email, Date.now()), {
    ...{ httpOnly: true, sameSite: 'strict', path: '/api/auth', maxAge: browserKnownSeconds },
    ...(secure === undefined ? {} : { secure }),
  });
}

function strangerOf(ctx: HookContext) {
  return { principal: null, ip: ctx.headers?.get(clientAddressHeader) ?? null };
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
    case passwordPath:
      return 'with a password';
    case '/two-factor/verify-totp':
      return 'with a password and a code';
    case '/two-factor/verify-backup-code':
      return 'with a password and a backup code';
    default:
      return 'through the identity provider';
  }
}
