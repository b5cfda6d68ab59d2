import { z } from 'zod';

/** What a host tells of its logs: of PostgreSQL, and of QuantaDB's own daemon and routers. */

export const logSources = ['postgres', 'daemon'] as const;
export const logSourceSchema = z.enum(logSources);
export type LogSource = z.infer<typeof logSourceSchema>;

/** From the least to the worst. */
export const logSeverities = ['debug', 'info', 'warning', 'error', 'fatal'] as const;
export const logSeveritySchema = z.enum(logSeverities);
export type LogSeverity = z.infer<typeof logSeveritySchema>;

export const logEntriesMax = 500;
export const logTextMax = 4000;

export const logQuestionSchema = z.object({
  source: logSourceSchema,
  /** Only entries that hold this text, whatever the case of its letters. */
  search: z.string().max(200).default(''),
  /** Only entries at least as bad. */
  atLeast: logSeveritySchema.default('debug'),
  /** Only entries of this moment or before it. Null: the newest. */
  untilMs: z.number().int().min(0).nullable().default(null),
  limit: z.number().int().min(1).max(logEntriesMax).default(200),
});
export type LogQuestion = z.infer<typeof logQuestionSchema>;

export const logEntrySchema = z.object({
  /** Null when the line does not say, or says it in a zone that is not known here. */
  atMs: z.number().nullable(),
  severity: logSeveritySchema,
  pid: z.number().int().nullable(),
  /** With its further lines; cut after `logTextMax` characters. */
  text: z.string(),
});
export type LogEntry = z.infer<typeof logEntrySchema>;

export const logAnswerSchema = z.object({
  /** The newest first. */
  entries: z.array(logEntrySchema).max(logEntriesMax),
  /** The search ended at its bound: there may be more in what is older. */
  isCut: z.boolean(),
});
export type LogAnswer = z.infer<typeof logAnswerSchema>;
