import { z } from 'zod';

/** What a node's PostgreSQL is doing now: its sessions, who waits for whom, and how one of them is ended. */

export const sessionsMax = 500;
export const sessionTextMax = 1000;
const blockersMax = 100;

/** `own`: QuantaDB's. `replication`: a standby, or another reader of WAL. `server`: a process of PostgreSQL itself. */
export const sessionKinds = ['client', 'autovacuum', 'own', 'replication', 'server'] as const;
const sessionKindSchema = z.enum(sessionKinds);

const ageSchema = z.number().nullable();

export const sessionSchema = z.object({
  pid: z.number().int(),
  /** Microseconds of the epoch: with the pid it names this session and no later one. */
  startedAt: z.string().regex(/^\d{1,20}$/),
  kind: sessionKindSchema,
  user: z.string().nullable(),
  database: z.string().nullable(),
  /** What the client calls itself; the router hands it through. */
  application: z.string(),
  /** Where the connection comes from; null: this machine. Clients of a router have the router's. */
  client: z.string().nullable(),
  state: z.string().nullable(),
  /** As "Lock: transactionid"; null: it waits for nothing. */
  wait: z.string().nullable(),
  /** Milliseconds since its transaction, its statement and its state began. */
  transactionMs: ageSchema,
  statementMs: ageSchema,
  stateMs: ageSchema,
  /** How many transactions old the oldest one is whose rows it may still want to see, which vacuum has to keep. */
  xminAge: ageSchema,
  /** The statement it runs, or ran last; null: it is not shown. */
  text: z.string().max(sessionTextMax).nullable(),
  /** Whom it waits for; 0 is a prepared transaction. */
  blockedBy: z.array(z.number().int()).max(blockersMax),
  /** Why it must not be ended now; null: it may be. */
  protectedBecause: z.string().nullable(),
});
export type Session = z.infer<typeof sessionSchema>;

export const sessionsAnswerSchema = z.object({
  /** Those that block others first, then those that wait, then the oldest transactions. */
  sessions: z.array(sessionSchema).max(sessionsMax),
  /** How many more there are. */
  leftOut: z.number().int().min(0),
});
export type SessionsAnswer = z.infer<typeof sessionsAnswerSchema>;

export const sessionEndSchema = z.enum(['cancel', 'terminate']);
export type SessionEnd = z.infer<typeof sessionEndSchema>;

export const endSessionSchema = z.object({
  pid: z.number().int().min(1),
  startedAt: sessionSchema.shape.startedAt,
  how: sessionEndSchema,
});
export type EndSession = z.infer<typeof endSessionSchema>;

/** `asked`: PostgreSQL was told, and it had not happened yet when the wait was over. */
export const sessionOutcomeSchema = z.enum(['ended', 'was-gone', 'ran-nothing', 'asked']);
export type SessionOutcome = z.infer<typeof sessionOutcomeSchema>;

export const endedSessionSchema = z.object({ outcome: sessionOutcomeSchema });

/** What has become of it, for people (pure). */
export function outcomeWords({ pid, how }: Pick<EndSession, 'pid' | 'how'>, outcome: SessionOutcome): string {
  switch (outcome) {
    case 'was-gone':
      return `session ${pid} had ended already; nothing was done`;
    case 'ran-nothing':
      return `session ${pid} ran no statement: there was nothing to cancel`;
    case 'asked':
      return `session ${pid} was told to ${how === 'cancel' ? 'give up its statement' : 'end'}, and has not done so yet`;
    case 'ended':
      return how === 'cancel' ? `the statement of session ${pid} has ended` : `session ${pid} has ended`;
  }
}
