import { z } from 'zod';
import { repositoryTestedSchema, repositoryTestSchema } from './backup.ts';
import { backupOverviewSchema } from './backup-view.ts';
import {
  addressesSchema,
  clusterEventSchema,
  hostKindSchema,
  nodeNameSchema,
  operationSchema,
} from './cluster-state.ts';
import { hostDiagnosisSchema } from './diagnosis.ts';
import { logAnswerSchema, logQuestionSchema } from './logs.ts';
import { nodeFiguresSchema } from './node-metrics.ts';
import { nodeReportSchema } from './node-report.ts';
import { operationPlanSchema, operationRequestSchema, operationStartSchema } from './operations.ts';
import { replicationAnswerSchema } from './replication-view.ts';
import {
  restoreIntoPlanSchema,
  restoreIntoSchema,
  restoreIntoStartSchema,
  restorePlanningSchema,
  restoreQuestionSchema,
} from './restore.ts';
import { endedSessionSchema, endSessionSchema, sessionsAnswerSchema } from './sessions.ts';
import { settingsOverviewSchema } from './settings-view.ts';
import { statementsToldSchema } from './statements.ts';
import { clusterStatusSchema, failoverViewSchema, hostStatusSchema } from './status.ts';

/**
 * What hosts and the control plane say to each other. Hosts dial out, so that they work behind NAT: enrolment is one
 * HTTP request, everything after it one Socket.IO connection to `/nodes`. Both sides parse what they hear.
 */

export const linkVersion = 1;
const pemSchema = z.string().min(1).max(20_000);

/** POST /api/v1/enrol. The token is good for one host, once. */
export const enrolmentRequestSchema = z.object({
  token: z.string().min(20).max(200),
  name: nodeNameSchema,
  kind: hostKindSchema,
  addresses: addressesSchema,
  /** PKCS#10; the key never leaves the host. */
  certificateRequest: pemSchema,
  /** The fingerprint that the host was told: another authority refuses it, and its token stays good. */
  expectedAuthority: z.string().max(200).optional(),
});
export type EnrolmentRequest = z.infer<typeof enrolmentRequestSchema>;

/** POST /api/v1/operator-certificates: for commands that go straight to a daemon while the console is down. */
export const operatorCertificateRequestSchema = z.object({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,39}$/),
  certificateRequest: pemSchema,
});

export const enrolmentAnswerSchema = z.object({ certificate: pemSchema, authority: pemSchema });
export type EnrolmentAnswer = z.infer<typeof enrolmentAnswerSchema>;

/** Console → host, first on every connection: prove that the key of your certificate is yours. */
export const challengeSchema = z.object({ version: z.literal(linkVersion), nonce: z.string().length(64) });

/** Host → console: the certificate, and the nonce signed with its key (ECDSA P-256, SHA-256, base64). */
export const helloSchema = z.object({
  version: z.literal(linkVersion),
  release: z.string().max(64),
  certificate: pemSchema,
  signature: z.string().max(200),
});
export type LinkHello = z.infer<typeof helloSchema>;

export const eventsPerReportMax = 200;
export const failoversPerReportMax = 10;

/** Host → console, once a second. */
export const hostReportSchema = z.object({
  host: hostStatusSchema,
  node: nodeReportSchema,
  /** A look at the node that was not told yet; null: none since the last report. */
  figures: nodeFiguresSchema.nullable().default(null),
  /** What its PostgreSQL has spent its time on, that was not told yet; null: nothing since the last report. */
  statements: statementsToldSchema.nullable().default(null),
  /** From the decider, or from any node when none is known: how the cluster is, and what has happened since. */
  picture: z
    .object({
      clusterId: z.uuid(),
      isDecider: z.boolean(),
      status: clusterStatusSchema,
      events: z.array(clusterEventSchema).max(eventsPerReportMax),
      /** Those under way, and lately ended ones that this connection has not told yet; an older daemon tells of them every time. */
      operations: z.array(operationSchema).max(100),
      /** Those under way, and ended ones that this connection has not told yet, the oldest first. */
      failovers: z.array(failoverViewSchema).max(failoversPerReportMax).default([]),
    })
    .nullable(),
});
export type HostReport = z.infer<typeof hostReportSchema>;

/** Console → host: up to which event the control plane has the cluster's history. */
export const reportAnswerSchema = z.object({ eventsUpTo: z.number().int().min(0) });
export type ReportAnswer = z.infer<typeof reportAnswerSchema>;

/** Host → console, once half of its certificate's life is over: another one for the same key, PKCS#10. */
export const renewalRequestSchema = z.object({ certificateRequest: pemSchema });
export const renewalAnswerSchema = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), certificate: pemSchema }),
  z.object({ ok: z.literal(false), reason: z.string().max(2000) }),
]);
export type RenewalAnswer = z.infer<typeof renewalAnswerSchema>;

/** Console → host: the closed list of what the control plane may ask of a host. */
export const linkMethods = {
  plan: { input: operationRequestSchema, output: operationPlanSchema },
  start: { input: operationStartSchema, output: z.object({ operationId: z.string() }) },
  backups: { input: z.object({}), output: backupOverviewSchema.nullable() },
  settings: { input: z.object({}), output: settingsOverviewSchema.nullable() },
  planRestore: { input: restoreQuestionSchema, output: restorePlanningSchema },
  planRestoreInto: { input: restoreIntoSchema, output: restoreIntoPlanSchema },
  startRestoreInto: { input: restoreIntoStartSchema, output: z.object({ operationId: z.string() }) },
  logs: { input: logQuestionSchema, output: logAnswerSchema },
  sessions: { input: z.object({}), output: sessionsAnswerSchema },
  endSession: { input: endSessionSchema, output: endedSessionSchema },
  diagnose: { input: z.object({}), output: hostDiagnosisSchema },
  replication: { input: z.object({}), output: replicationAnswerSchema },
  tryRepository: { input: repositoryTestSchema, output: repositoryTestedSchema },
} as const;
export type LinkMethod = keyof typeof linkMethods;

export const linkCallSchema = z.object({
  method: z.enum([
    'plan',
    'start',
    'backups',
    'settings',
    'planRestore',
    'planRestoreInto',
    'startRestoreInto',
    'logs',
    'sessions',
    'endSession',
    'diagnose',
    'replication',
    'tryRepository',
  ]),
  input: z.unknown(),
});
export const linkAnswerSchema = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), output: z.unknown() }),
  z.object({
    ok: z.literal(false),
    code: z.string().max(40),
    message: z.string().max(2000),
    hint: z.string().max(1000).optional(),
  }),
]);
export type LinkAnswer = z.infer<typeof linkAnswerSchema>;
