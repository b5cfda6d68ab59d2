import { z } from 'zod';
import { routerSettingsOf, toldRouterSettingsSchema } from '../../contract/router-settings.ts';
import { routerTopologySchema } from '../topology.ts';
import { crewAnswerSchema, crewQuestionSchema } from './crew-questions.ts';

/** What a daemon and its router workers tell each other. Both sides check: they may be of two releases for a moment. */

/** A daemon of the former release tells fewer of them: the rest is as usual. */
const settingsSchema = toldRouterSettingsSchema.transform((told) => routerSettingsOf(told));
const tlsSchema = z.object({ ca: z.string(), cert: z.string(), key: z.string() });

const placeSchema = z.object({ index: z.number().int(), count: z.number().int() });
const alone = { index: 0, count: 1 };
/** Of the cluster, proven by a majority; null: by none. */
const epochSchema = z.union([z.number().int(), z.null(), z.literal('unsupported')]);

export const toWorkerSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('start'),
    listen: z.object({ host: z.string(), port: z.number().int() }),
    settings: settingsSchema,
    tls: tlsSchema,
    topology: routerTopologySchema.nullable(),
    name: z.string(),
    logLevel: z.string(),
    /** Beside standard output; null from a daemon of the former release. */
    logFile: z.string().nullable().default(null),
    /** It tells again each second what it has observed, and answers questions; one of the former release does neither. */
    isAttentive: z.boolean().default(false),
    /** With others on the same port: the socket comes with the message. */
    place: placeSchema.default(alone),
    /** The directory in which later daemons look for it; null: it ends with the one that has started it. */
    doors: z.string().nullable().default(null),
    /** Of what its daemon runs and asks for; told to later ones. */
    likeness: z.string().default(''),
    /** False: it gets ready, and waits for `open`. */
    isOpening: z.boolean().default(true),
  }),
  /** Its predecessor has let go of the port; with others on the same one the socket comes with the message. */
  z.object({ kind: z.literal('open') }),
  /** From a daemon that has not started it: from now on this one says what to do. */
  z.object({ kind: z.literal('attach') }),
  /** The daemon is about to be replaced: the next one is waited for so long. */
  z.object({ kind: z.literal('leave'), waitMs: z.number().int() }),
  /** Others take the port. Sessions stay until they end, or so long. */
  z.object({ kind: z.literal('retire'), lifeMs: z.number().int() }),
  z.object({ kind: z.literal('topology'), topology: routerTopologySchema }),
  z.object({ kind: z.literal('settings'), settings: settingsSchema }),
  z.object({ kind: z.literal('certificate'), tls: tlsSchema }),
  z.object({ kind: z.literal('stop'), drainMs: z.number().int() }),
  z.object({ kind: z.literal('question'), id: z.number().int(), question: crewQuestionSchema }),
  z.object({ kind: z.literal('answers'), id: z.number().int(), answers: z.array(crewAnswerSchema) }),
  z.object({ kind: z.literal('epoch'), id: z.number().int(), epoch: epochSchema }),
]);
export type ToWorker = z.infer<typeof toWorkerSchema>;

export const workerReportSchema = z.object({
  clients: z.number().int(),
  /** Sessions whose transaction has not ended. */
  busy: z.number().int(),
  /** Sessions that wait for a server. */
  waiting: z.number().int(),
  servers: z.number().int(),
  epoch: z.number().int(),
  isDraining: z.boolean(),
  counters: z.record(z.string(), z.number()),
});
export type WorkerReport = z.infer<typeof workerReportSchema>;

/** What a daemon has to know of a worker that it has not started. */
export const workerHelloSchema = z.object({
  likeness: z.string(),
  place: placeSchema,
  /** Clients come in. */
  isOpen: z.boolean(),
});
export type WorkerHello = z.infer<typeof workerHelloSchema>;

export const fromWorkerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('listening'), port: z.number().int() }),
  z.object({ kind: z.literal('failed'), reason: z.string() }),
  z.object({ kind: z.literal('report'), report: workerReportSchema }),
  z.object({ kind: z.literal('hello'), hello: workerHelloSchema }),
  /** For `open`. */
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('reload') }),
  /** The port is free: whoever comes next may have it, while transactions end here. */
  z.object({ kind: z.literal('closed') }),
  z.object({ kind: z.literal('ask-epoch'), id: z.number().int() }),
  z.object({ kind: z.literal('ask-others'), id: z.number().int(), question: crewQuestionSchema }),
  z.object({ kind: z.literal('answer'), id: z.number().int(), answer: crewAnswerSchema }),
]);
export type FromWorker = z.infer<typeof fromWorkerSchema>;
