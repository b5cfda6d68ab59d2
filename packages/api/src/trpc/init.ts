import { type ErrorCode, QuantaError } from '@quantadb/engine/shared/errors';
import { initTRPC, TRPCError } from '@trpc/server';
import type { OpenApiMeta } from 'trpc-to-openapi';
import { ZodError, z } from 'zod';
import { unexpectedWords } from '../http/error-meanings.ts';
import type { Principal } from '../people/principal.ts';
import { type Permission, permits, roleOn, type Scope } from '../people/roles.ts';
import type { Services } from '../services.ts';
import { isStorable } from '../storable.ts';

export interface Context {
  services: Services;
  principal: Principal | null;
  ip: string | null;
  /** The cluster that the request names; missing before it has been looked at. */
  clusterId?: string | null;
}

/** Every procedure says who may call it; `nobody` means that no sign-in is needed. */
export type ProcedureMeta = OpenApiMeta & { permission: Permission | 'nobody'; scope: Scope };

const issuesMax = 20;

/** What nobody threw on purpose may carry anything, statements and paths of this machine: it stays in the log. */
function wordsOf({ code, cause }: TRPCError, message: string): string {
  if (code === 'INTERNAL_SERVER_ERROR' && !(cause instanceof QuantaError)) return unexpectedWords;
  if (!(cause instanceof ZodError) || cause.issues.length === 0) return message;
  return cause.issues
    .slice(0, issuesMax)
    .map((issue) => issue.message)
    .join('; ');
}

const trpc = initTRPC
  .context<Context>()
  .meta<ProcedureMeta>()
  .create({
    errorFormatter: ({ shape, error }) => {
      const quanta = error.cause instanceof QuantaError ? error.cause : null;
      const { stack: _stack, ...data } = shape.data;
      return {
        ...shape,
        message: wordsOf(error, shape.message),
        data: { ...data, quantaCode: quanta?.code ?? null, hint: quanta?.hint ?? null },
      };
    },
  });

/** What a code is to callers of procedures. Exhaustive on purpose, as over HTTP. */
export const trpcCodes: Record<ErrorCode, TRPCError['code']> = {
  CONFIG_INVALID: 'INTERNAL_SERVER_ERROR',
  PREFLIGHT_FAILED: 'PRECONDITION_FAILED',
  NOT_LEADER: 'SERVICE_UNAVAILABLE',
  NO_QUORUM: 'SERVICE_UNAVAILABLE',
  DEADLINE_EXCEEDED: 'GATEWAY_TIMEOUT',
  REFUSED: 'CONFLICT',
  NOT_FOUND: 'NOT_FOUND',
  UNAUTHORIZED: 'UNAUTHORIZED',
  PEER_UNREACHABLE: 'SERVICE_UNAVAILABLE',
  PROTOCOL_VIOLATION: 'BAD_REQUEST',
  POSTGRES_FAILED: 'INTERNAL_SERVER_ERROR',
  BACKUP_FAILED: 'INTERNAL_SERVER_ERROR',
  STORAGE_CORRUPT: 'INTERNAL_SERVER_ERROR',
  STORAGE_FAILED: 'INTERNAL_SERVER_ERROR',
  INVARIANT_BROKEN: 'INTERNAL_SERVER_ERROR',
  INPUT_INVALID: 'BAD_REQUEST',
  FORBIDDEN: 'FORBIDDEN',
  RATE_LIMITED: 'TOO_MANY_REQUESTS',
  UNEXPECTED: 'INTERNAL_SERVER_ERROR',
};

/** A QuantaError that a procedure throws keeps its message and hint on the way out. */
const translated = trpc.middleware(async ({ next }) => {
  const result = await next();
  if (result.ok || !(result.error.cause instanceof QuantaError)) return result;
  const { cause } = result.error;
  throw new TRPCError({ code: trpcCodes[cause.code], message: cause.message, cause });
});

/** Refused at the border: once something is done, what cannot be written down of it is too late. */
const storableInput = trpc.middleware(async ({ next, getRawInput }) => {
  if (isStorable(await getRawInput())) return next();
  const message = 'a text has a zero byte or half of a character in it: send whole Unicode';
  throw new TRPCError({ code: 'BAD_REQUEST', message });
});

const guarded = trpc.middleware(async ({ ctx, meta, next, path, getRawInput }) => {
  const permission = meta?.permission;
  if (permission === 'nobody') return next();
  const { principal } = ctx;
  if (!principal) throw new TRPCError({ code: 'UNAUTHORIZED', message: 'sign in first' });
  const clusterId = clusterNamedIn(await getRawInput());
  const scope = meta?.scope ?? 'installation';
  // A procedure that forgot to say who may call it may be called by nobody.
  const named = { ...ctx, clusterId: idIn(clusterId) };
  if (permission && permits(principal, { permission, scope, clusterId })) return next({ ctx: named });
  await ctx.services.audit.writeRefusal(named, {
    action: path,
    target: typeof clusterId === 'string' ? clusterId.slice(0, 100) : '',
    detail: 'not permitted',
  });
  throw new TRPCError({ code: 'FORBIDDEN', message: refusalOf(principal, clusterId) });
});

/** Before any schema has seen it: whatever it is, it is only compared with ids. */
function clusterNamedIn(input: unknown): unknown {
  return typeof input === 'object' && input !== null && 'clusterId' in input ? input.clusterId : undefined;
}

/** As PostgreSQL writes it. */
function idIn(clusterId: unknown): string | null {
  const parsed = z.uuid().safeParse(clusterId);
  return parsed.success ? parsed.data.toLowerCase() : null;
}

function refusalOf(principal: Principal, clusterId: unknown): string {
  if (principal.owesSecondFactor) return 'set up a second factor first, under /account of the console';
  const role = typeof clusterId === 'string' ? roleOn(principal, clusterId) : principal.role;
  const where = typeof clusterId === 'string' ? ' on this cluster' : '';
  return `your role${where} (${role}) does not permit this`;
}

export const router = trpc.router;
const base = trpc.procedure.use(translated).use(storableInput).use(guarded);

/** `GET` unless said otherwise; `path` is below /api/v1, and one that names a cluster is judged by the role there. */
export function procedure(
  permission: ProcedureMeta['permission'],
  rest: `${'GET' | 'POST' | 'DELETE'} /${string}`,
  summary: string,
  asked?: Scope,
) {
  const [method = 'GET', path = '/'] = rest.split(' ');
  const openapi = {
    method: method as 'GET' | 'POST' | 'DELETE',
    path: path as `/${string}`,
    summary,
    protect: permission !== 'nobody',
    tags: [path.split('/')[1] ?? ''],
  };
  const scope = asked ?? (path.includes('{clusterId}') ? 'cluster' : 'installation');
  return base.meta({ permission, scope, openapi });
}

const requesterCharactersMax = 100;

/** As a cluster notes who asked: an address may be longer than that. */
export function requesterOf(context: Context): string {
  return principalOf(context).name.slice(0, requesterCharactersMax);
}

/** The caller of a procedure that is not open to nobody. */
export function principalOf(context: Context): Principal {
  if (context.principal) return context.principal;
  throw new TRPCError({ code: 'UNAUTHORIZED', message: 'sign in first' });
}
