import { z } from 'zod';
import { accessLineSchema, accessLinesMax, refusedLinesSchema } from '../contract/access.ts';
import { refusableSchema } from '../contract/answers.ts';
import {
  addressesSchema,
  lsnSchema,
  nodeNameSchema,
  sealVoteSchema,
  syncSettingSchema,
  walPositionSchema,
} from '../contract/cluster-state.ts';
import { hostFactsSchema, serverFactsSchema } from '../contract/host-facts.ts';
import { contactsSchema } from '../contract/network.ts';
import { nodeReportSchema } from '../contract/node-report.ts';
import { operationPlanSchema, operationRequestSchema, operationStartSchema } from '../contract/operations.ts';
import {
  ownDurabilitiesMax,
  ownDurabilityChangeSchema,
  ownDurabilitySchema,
} from '../contract/own-durability.ts';
import { serverSettingsSchema } from '../contract/settings-view.ts';
import { QuantaError } from '../shared/errors.ts';
import { backupPeerMethods } from './backup-peers.ts';
import { commandSchema } from './commands.ts';
import { sourcePeerMethods } from './source-view.ts';

/**
 * The closed list of what daemons ask each other, over mutual TLS. Both directions are parsed: a peer is authenticated
 * but not trusted to be well.
 */

const resultSchema = z.union([
  z.object({ ok: z.literal(true), raftId: z.number().optional() }),
  z.object({ ok: z.literal(false), reason: z.string() }),
]);
const electionSchema = z.object({
  clusterId: z.string(),
  epoch: z.number().int().min(1),
  failoverId: z.string(),
});

/** As PostgreSQL allows them, which also makes them safe as names of directories (ReplicationSlotValidateName). */
const slotNameSchema = z.string().regex(/^[a-z0-9_]{1,63}$/);
const logicalOfferSchema = z.object({
  slots: z
    .array(
      z.object({
        name: slotNameSchema,
        plugin: z.string().max(63),
        database: z.string().max(63),
        twoPhase: z.boolean(),
        restartLsn: lsnSchema.nullable(),
        confirmedLsn: lsnSchema.nullable(),
        catalogXmin: z.number().nullable(),
        isLost: z.boolean(),
      }),
    )
    .max(1000),
  heldXmin: z.number().nullable(),
});

export const peerMethods = {
  /** What a node observes of itself. */
  report: { input: z.object({}), output: nodeReportSchema },
  /** Whom a node hears; asked by every other about once a second, which is how they hear it. */
  contacts: { input: z.object({}), output: z.object({ contacts: contactsSchema }) },
  /** Put a command into the log; only the leader does. */
  submit: { input: z.object({ clusterId: z.string(), command: commandSchema }), output: resultSchema },
  /** Of the leader: the epoch of the log at a moment after the call, proven by a majority; null when it cannot be proven. */
  'prove-epoch': {
    input: z.object({ clusterId: z.string() }),
    output: z.object({ epoch: z.number().int().nullable() }),
  },
  /** Promise an epoch, stop receiving WAL, and say where the local WAL ends. */
  seal: {
    /** `patienceMs`: how long the answer may take where nobody's writes wait for it; missing: as an election takes. */
    input: electionSchema.extend({ patienceMs: z.number().int().min(100).max(60_000).optional() }),
    output: sealVoteSchema,
  },
  /** Ask a node to look at the primary with its own eyes. */
  'hears-primary': {
    input: z.object({ clusterId: z.string(), epoch: z.number().int() }),
    output: z.object({ hears: z.boolean(), answers: z.boolean().optional(), detail: z.string() }),
  },
  /** The primary tells the decider at once that its PostgreSQL is gone, instead of letting it wait for silence. */
  'primary-lost': {
    input: z.object({ clusterId: z.string(), epoch: z.number().int(), detail: z.string() }),
    output: z.object({}),
  },
  /** The primary's daemon is about to be replaced; its PostgreSQL goes on under the lease, which ends in so many ms. */
  'primary-restarts': {
    input: z.object({ clusterId: z.string(), epoch: z.number().int(), forMs: z.number().min(0) }),
    output: z.object({}),
  },
  /** Shorten the shutdown that follows: a checkpoint, and the archive backlog that would hold it up. */
  'prepare-switchover': { input: z.object({ clusterId: z.string() }), output: refusableSchema },
  /** Stop being primary, cleanly, and promise the epoch; answers where the WAL ends. */
  demote: {
    input: electionSchema,
    output: z.union([
      z.object({ ok: z.literal(true), position: walPositionSchema }),
      z.object({ ok: z.literal(false), reason: z.string() }),
    ]),
  },
  /** The primary makes PostgreSQL wait as the log says, and answers once enough standbys hold every earlier commit. */
  'confirm-sync-set': {
    input: z.object({
      clusterId: z.string(),
      epoch: z.number().int().min(1),
      move: z.number().int().min(0),
      setting: syncSettingSchema,
      /** Commits may not have waited at all until now. */
      isFirst: z.boolean(),
    }),
    output: refusableSchema,
  },
  /** A slot for a node that is about to clone; `follower`: of another cluster, which follows this one. */
  'prepare-clone': {
    input: z.object({ clusterId: z.string(), node: nodeNameSchema, follower: nodeNameSchema.optional() }),
    output: refusableSchema,
  },
  /** Whether the primary still has the WAL after a standby's end. */
  'holds-wal': {
    input: z.object({ clusterId: z.string(), lsn: lsnSchema }),
    output: z.object({ holds: z.boolean() }),
  },
  /** What a primary keeps WAL for; null: this is no primary. */
  'kept-slots': {
    input: z.object({ clusterId: z.string() }),
    output: z.object({
      slots: z
        .array(z.object({ name: slotNameSchema, restartLsn: lsnSchema }))
        .max(1000)
        .nullable(),
      /** Logical ones, for the node that asks; older releases say nothing of them. */
      logical: logicalOfferSchema.nullable().optional(),
    }),
  },
  /** The states of logical slots, for copies; and whether the node that asks may restart now to take them. */
  'copy-logical-slots': {
    input: z.object({ clusterId: z.string(), names: z.array(slotNameSchema).max(100) }),
    output: z.union([
      z.object({
        ok: z.literal(true),
        states: z.array(z.object({ name: slotNameSchema, state: z.string().max(10_000) })).max(100),
        whyNoRestart: z.string().nullable(),
      }),
      z.object({ ok: z.literal(false), reason: z.string() }),
    ]),
  },
  /** A slot for a node that is about to rewind, and the checkpoint that a rewind takes; `ready` once that has ended. */
  'prepare-rewind': {
    input: z.object({ clusterId: z.string(), node: nodeNameSchema, follower: nodeNameSchema.optional() }),
    output: z.union([
      z.object({ ok: z.literal(true), ready: z.boolean() }),
      z.object({ ok: z.literal(false), reason: z.string() }),
    ]),
  },
  /** PostgreSQL of a standby stops and starts again; answers when it has stopped. */
  'restart-postgres': { input: z.object({ clusterId: z.string() }), output: refusableSchema },
  /** A standby gives up its data for a new copy; answers when that is durable. */
  reinitialise: {
    input: z.object({ clusterId: z.string(), why: z.string().max(500) }),
    output: refusableSchema,
  },
  /** Which parameters PostgreSQL there would refuse, and why. */
  'check-parameters': {
    input: z.object({ clusterId: z.string(), parameters: z.record(z.string(), z.string()) }),
    output: z.object({ refused: z.array(z.object({ name: z.string(), detail: z.string() })) }),
  },
  /** Which lines for pg_hba.conf PostgreSQL there would refuse, and why; none of them counts yet. */
  'check-access': {
    input: z.object({ clusterId: z.string(), lines: z.array(accessLineSchema).max(accessLinesMax) }),
    output: z.object({ refused: refusedLinesSchema }),
  },
  /** Every setting of PostgreSQL there, as it has it now. */
  'server-settings': {
    input: z.object({ clusterId: z.string() }),
    output: z.object({
      settings: serverSettingsSchema,
      ownDurabilities: z.array(ownDurabilitySchema).max(ownDurabilitiesMax).default([]),
    }),
  },
  /** On the primary; answers when the standbys have confirmed it as they confirm every commit. */
  'set-own-durability': {
    input: z.object({ clusterId: z.string(), change: ownDurabilityChangeSchema }),
    output: refusableSchema,
  },
  /** Before a host is to hold data: what there is. */
  'inspect-host': {
    input: z.object({ libraries: z.array(z.string().max(200)).max(1000) }),
    output: hostFactsSchema,
  },
  /** Of the primary: what a copy of its data needs. */
  'server-facts': { input: z.object({ clusterId: z.string() }), output: serverFactsSchema },
  /** The version of PostgreSQL's programs there; null: those in use. */
  'program-version': {
    input: z.object({ clusterId: z.string(), directory: z.string().max(500).nullable() }),
    output: z.object({ version: z.string() }),
  },
  /** PostgreSQL's programs from its next start on. */
  'use-programs': {
    input: z.object({ clusterId: z.string(), directory: z.string().max(500) }),
    output: z.object({ before: z.string() }),
  },
  /** The daemon ends and is started again; PostgreSQL goes on. */
  'restart-daemon': { input: z.object({ clusterId: z.string() }), output: refusableSchema },
  /** To a spare host: become a member. */
  join: {
    input: z.object({
      clusterId: z.string(),
      clusterName: nodeNameSchema,
      raftId: z.number().int().min(1),
      addresses: addressesSchema,
    }),
    output: refusableSchema,
  },
  /** To a member: stop PostgreSQL, forget the cluster, be a spare host again. */
  leave: { input: z.object({ clusterId: z.string() }), output: refusableSchema },
  ...backupPeerMethods,
  ...sourcePeerMethods,
  /** Forwarded requests of people and scripts. */
  plan: { input: operationRequestSchema, output: operationPlanSchema },
  start: { input: operationStartSchema, output: z.object({ operationId: z.string() }) },
} as const;

export type PeerMethod = keyof typeof peerMethods;
export type PeerInput<Method extends PeerMethod> = z.infer<(typeof peerMethods)[Method]['input']>;
export type PeerOutput<Method extends PeerMethod> = z.infer<(typeof peerMethods)[Method]['output']>;

/** Carries one call to another daemon; the transport proves that the peer is who its name says. */
export interface PeerCaller {
  call(
    peer: { name: string; host: string; port: number },
    method: string,
    body: unknown,
    deadlineMs: number,
  ): Promise<unknown>;
}

export type PeerHandlers = {
  [Method in PeerMethod]: (input: PeerInput<Method>, peer: string) => Promise<PeerOutput<Method>>;
};

/**
 * What a host of another cluster, or of none, may ask one that is in a cluster: how it is, whether it could join, and what a
 * cluster that follows this one needs. Everything else is for the cluster's own members.
 */
const openToOthers: ReadonlySet<PeerMethod> = new Set<PeerMethod>([
  ...(['report', 'inspect-host', 'join', 'plan'] as const),
  ...(['source-view', 'server-facts', 'keep-for-follower', 'drop-follower'] as const),
  ...(['prepare-clone', 'prepare-rewind', 'holds-wal', 'kept-slots', 'copy-logical-slots'] as const),
]);

/**
 * Parses an incoming call and hands it to its handler.
 *
 * @param members of the cluster that this host is in; null: it is in none
 * @throws QuantaError NOT_FOUND for a method off the list, UNAUTHORIZED for a host that is no member, PROTOCOL_VIOLATION for a
 *   body of the wrong shape
 */
export async function dispatchPeerCall(
  handlers: PeerHandlers,
  call: { peer: string; method: string; body: unknown },
  members: Readonly<Record<string, unknown>> | null,
): Promise<unknown> {
  if (!Object.hasOwn(peerMethods, call.method)) {
    throw new QuantaError('NOT_FOUND', `no peer method ${call.method.slice(0, 40)}`);
  }
  const method = call.method as PeerMethod;
  if (members !== null && !Object.hasOwn(members, call.peer) && !openToOthers.has(method))
    throw new QuantaError('UNAUTHORIZED', `${call.peer} is no member of this host’s cluster`);
  const input = peerMethods[method].input.safeParse(call.body);
  if (!input.success) throw new QuantaError('PROTOCOL_VIOLATION', `${method}: ${input.error.message}`);
  const handler = handlers[method] as (input: unknown, peer: string) => Promise<unknown>;
  return handler(input.data, call.peer);
}

/** Typed calls to other daemons. */
export class Peers {
  private readonly caller: PeerCaller;

  constructor(caller: PeerCaller) {
    this.caller = caller;
  }

  /**
   * @throws QuantaError PEER_UNREACHABLE, DEADLINE_EXCEEDED, PROTOCOL_VIOLATION, or whatever the peer refused with
   */
  async call<Method extends PeerMethod>(
    peer: { name: string; addresses: { api: { host: string; port: number } } },
    method: Method,
    request: { input: PeerInput<Method>; deadlineMs: number },
  ): Promise<PeerOutput<Method>> {
    const target = { name: peer.name, ...peer.addresses.api };
    const answer = await this.caller.call(target, method, request.input, request.deadlineMs);
    const output = peerMethods[method].output.safeParse(answer);
    if (!output.success)
      throw new QuantaError('PROTOCOL_VIOLATION', `${peer.name} answered ${method}: ${output.error.message}`);
    return output.data as PeerOutput<Method>;
  }
}
