import { z } from 'zod';
import { nodeReportSchema } from './node-report.ts';

/** What a host tells of itself to somebody who looks for what is wrong with it. No secret is in it. */

const metricsCharactersMax = 1_000_000;

export const hostDiagnosisSchema = z.object({
  atMs: z.number(),
  report: nodeReportSchema,
  /** `ClusterState` as this daemon has applied it; null: it is in no cluster. Of whatever release it is. */
  state: z.unknown(),
  /** Prometheus text. */
  metrics: z.string().max(metricsCharactersMax),
  machine: z.object({
    system: z.string().max(200),
    nodeVersion: z.string().max(60),
    cores: z.number().int(),
    loadOneMinute: z.number(),
    memoryTotalBytes: z.number(),
    memoryFreeBytes: z.number(),
    uptimeSeconds: z.number(),
  }),
  /** What lies where, and how much room is left. */
  volumes: z
    .array(
      z.object({
        holds: z.string().max(60),
        directory: z.string().max(4096),
        totalBytes: z.number(),
        freeBytes: z.number(),
      }),
    )
    .max(10),
  /** Its host.json. */
  configuration: z.record(z.string(), z.unknown()),
});
export type HostDiagnosis = z.infer<typeof hostDiagnosisSchema>;
