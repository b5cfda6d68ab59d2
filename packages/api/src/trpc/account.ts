import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { isRequiredFor, readPolicy } from '../people/sign-in-policy.ts';
import { type Context, principalOf, procedure, router } from './init.ts';
import { moment } from './shapes.ts';

const passwordSchema = z.string().min(10).max(128);
const presentPassword = z.string().min(1).max(128);
const codeSchema = z.string().trim().min(6).max(20);
const userAgentCharactersMax = 300;

/** A person, in a session: a token has no account. @throws QuantaError REFUSED */
function selfOf(ctx: Context): { id: string; email: string; sessionId: string } {
  const { kind, id, name, sessionId } = principalOf(ctx);
  if (kind === 'user' && sessionId !== null) return { id, email: name, sessionId };
  throw new QuantaError('REFUSED', 'a token has no account of its own', {
    hint: 'Sign in to the console to change yours.',
  });
}

/** What people see and change about themselves; every one of them may, whatever the role. */
export const accountRouter = router({
  get: procedure('read', 'GET /account', 'Your account', 'self')
    .input(z.object({}))
    .output(
      z.object({
        name: z.string(),
        email: z.string(),
        hasPassword: z.boolean(),
        /** Identity providers that this account signs in through. */
        providers: z.array(z.string()),
        secondFactor: z.object({ isOn: z.boolean(), isRequired: z.boolean() }),
      }),
    )
    .query(async ({ ctx }) => {
      const self = selfOf(ctx);
      const { prisma, account } = ctx.services;
      const [user, ways, policy] = await Promise.all([
        prisma.user.findUniqueOrThrow({ where: { id: self.id }, include: { clusterRoles: true } }),
        account.waysIn(self.id),
        readPolicy(prisma),
      ]);
      const clusters = Object.fromEntries(user.clusterRoles.map(({ clusterId, role }) => [clusterId, role]));
      const isRequired = ways.hasPassword && isRequiredFor(policy, { role: user.role, clusters });
      const secondFactor = { isOn: user.twoFactorEnabled, isRequired };
      return { name: user.name, email: user.email, ...ways, secondFactor };
    }),

  rename: procedure('read', 'POST /account/name', 'Changes your name', 'self')
    .input(z.object({ name: z.string().trim().min(1).max(100) }))
    .output(z.object({ name: z.string() }))
    .mutation(async ({ ctx, input }) => {
      const self = selfOf(ctx);
      const before = await ctx.services.account.rename(self.id, input.name);
      const change = { before: { name: before }, after: { name: input.name } };
      const record = { action: 'change-own-name', target: self.email, ...change, outcome: 'done' } as const;
      await ctx.services.audit.write(ctx, record);
      return { name: input.name };
    }),

  changePassword: procedure(
    'read',
    'POST /account/password',
    'Changes your password; every other session of yours ends',
    'self',
  )
    .input(z.object({ present: presentPassword, next: passwordSchema }))
    .output(z.object({ endedSessions: z.number().int() }))
    .mutation(async ({ ctx, input }) => {
      const self = selfOf(ctx);
      const act = () => ctx.services.account.changePassword(self.id, { ...input, sessionId: self.sessionId });
      const { ended } = await audited(ctx, 'change-own-password', act);
      return { endedSessions: ended };
    }),

  sessions: procedure('read', 'GET /account/sessions', 'Where you are signed in', 'self')
    .input(z.object({}))
    .output(
      z.array(
        z.object({
          id: z.string(),
          /** As the browser calls itself. */
          userAgent: z.string().nullable(),
          address: z.string().nullable(),
          createdAt: moment,
          lastSeenAt: moment,
          isThisOne: z.boolean(),
        }),
      ),
    )
    .query(async ({ ctx }) => {
      const self = selfOf(ctx);
      const rows = await ctx.services.account.sessions(self.id, self.sessionId);
      return rows.map((row) => ({
        ...row,
        userAgent: row.userAgent?.slice(0, userAgentCharactersMax) ?? null,
        createdAt: row.createdAt.toISOString(),
        lastSeenAt: row.lastSeenAt.toISOString(),
      }));
    }),

  endSession: procedure('read', 'DELETE /account/sessions/{id}', 'Signs out one of your sessions', 'self')
    .input(z.object({ id: z.string().min(1).max(64) }))
    .output(z.object({ ended: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      const self = selfOf(ctx);
      await audited(ctx, 'end-own-session', () => ctx.services.account.endSession(self.id, input.id));
      return { ended: true as const };
    }),

  endOtherSessions: procedure(
    'read',
    'POST /account/sessions/end-others',
    'Signs out every session of yours but this one',
    'self',
  )
    .input(z.object({}))
    .output(z.object({ endedSessions: z.number().int() }))
    .mutation(async ({ ctx }) => {
      const self = selfOf(ctx);
      const act = () => ctx.services.account.endOtherSessions(self.id, self.sessionId);
      const { ended } = await audited(ctx, 'end-own-sessions', act);
      return { endedSessions: ended };
    }),

  beginSecondFactor: procedure(
    'read',
    'POST /account/second-factor',
    'A second factor to set up; it counts once a code of it was right',
    'self',
  )
    .input(z.object({ password: presentPassword }))
    .output(
      z.object({
        /** For an authenticator app, as a QR code. */
        uri: z.string(),
        /** The same to type. */
        key: z.string(),
        /** In this answer only. Each is taken once, instead of a code. */
        backupCodes: z.array(z.string()),
      }),
    )
    .mutation(async ({ ctx, input }) => {
      const self = selfOf(ctx);
      return audited(ctx, 'begin-second-factor', async () => {
        await ctx.services.account.checkPassword(self.id, input.password);
        return ctx.services.secondFactor.begin(self);
      });
    }),

  confirmSecondFactor: procedure(
    'read',
    'POST /account/second-factor/confirm',
    'Turns the second factor on; every other session of yours ends',
    'self',
  )
    .input(z.object({ code: codeSchema }))
    .output(z.object({ isOn: z.literal(true) }))
    .mutation(async ({ ctx, input }) => {
      const self = selfOf(ctx);
      await audited(ctx, 'turn-on-second-factor', () => {
        const change = { ...input, sessionId: self.sessionId };
        return ctx.services.account.guess('code', self.id, () =>
          ctx.services.secondFactor.confirm(self.id, change),
        );
      });
      return { isOn: true as const };
    }),

  renewBackupCodes: procedure(
    'read',
    'POST /account/second-factor/backup-codes',
    'New backup codes; the old ones end',
    'self',
  )
    .input(z.object({ password: presentPassword, code: codeSchema }))
    .output(z.object({ backupCodes: z.array(z.string()) }))
    .mutation(async ({ ctx, input }) => {
      const self = selfOf(ctx);
      const backupCodes = await audited(ctx, 'renew-backup-codes', async () => {
        await ctx.services.account.checkPassword(self.id, input.password);
        return ctx.services.account.guess('code', self.id, () =>
          ctx.services.secondFactor.renewBackupCodes(self.id, input.code),
        );
      });
      return { backupCodes };
    }),

  takeOffSecondFactor: procedure(
    'read',
    'POST /account/second-factor/off',
    'Takes your second factor off; asks for the password and a code',
    'self',
  )
    .input(z.object({ password: presentPassword, code: codeSchema }))
    .output(z.object({ isOn: z.literal(false) }))
    .mutation(async ({ ctx, input }) => {
      const self = selfOf(ctx);
      await audited(ctx, 'take-off-second-factor', async () => {
        await ctx.services.account.checkPassword(self.id, input.password);
        await ctx.services.account.guess('code', self.id, () =>
          ctx.services.secondFactor.takeOff(self.id, input.code),
        );
      });
      return { isOn: false as const };
    }),
});

/** Does it and writes it down; what was refused as well, because somebody may be guessing. */
async function audited<T>(ctx: Context, action: string, act: () => Promise<T>): Promise<T> {
  const target = principalOf(ctx).name;
  try {
    const result = await act();
    // Most of it ends sessions.
    ctx.services.accessChanged({ kind: 'user', id: principalOf(ctx).id });
    await ctx.services.audit.write(ctx, { action, target, outcome: 'done' });
    return result;
  } catch (error) {
    if (error instanceof QuantaError) {
      await ctx.services.audit.write(ctx, { action, target, outcome: 'refused', detail: error.message });
    }
    throw error;
  }
}
