import type { BetterAuthPlugin } from 'better-auth';
import { APIError, createAuthMiddleware, getSessionFromCtx, isAPIError } from 'better-auth/api';
import type { Audit } from '../audit/audit.ts';
import { clientAddressHeader } from '../http/client-address.ts';

const nameCharactersMax = 200;

/**
 * Signing in, as the audit log has it; the last of better-auth's plugins, so that a session that only a second factor
 * opens is none yet. Also keeps what a second factor is asked for to that: signed in, it is changed under `/account`.
 */
export function signInWatch(audit: Audit): BetterAuthPlugin {
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
