import { join } from 'node:path';
import { backupRequestSchemas } from '@quantadb/engine/contract/backup';
import type { BackupOverview } from '@quantadb/engine/contract/backup-view';
import type { OperationRequest } from '@quantadb/engine/contract/operations';
import type { RestoreTarget } from '@quantadb/engine/contract/restore-target';
import { withFreshConnection } from '@quantadb/engine/postgres/connection';
import { pollUntil } from '@quantadb/engine/shared/deadline';
import type { Client } from 'pg';
import { expect } from 'vitest';
import type { RealCluster } from './real-cluster.ts';
import { untilOver, untilTold } from './told-alerts.ts';

/** What tests of backups ask of a real cluster. */

export function configure(settings: Record<string, unknown>): OperationRequest {
  return backupRequestSchemas[0].parse({ kind: 'configure-backup', ...settings });
}

export const repositoryOf = (cluster: RealCluster) => join(cluster.directory, 'repository');

export async function overview(cluster: RealCluster, via = 'node-3'): Promise<BackupOverview> {
  const seen = await cluster.host(via).client.backups();
  if (!seen) throw new Error('the node is in no cluster');
  return seen;
}

type Work = Extract<OperationRequest, { kind: 'start-backup' }>['work'];

export async function run(cluster: RealCluster, work: Work, via = 'node-3') {
  const operation = await cluster.run(via, { kind: 'start-backup', work });
  return ended(cluster, operation.id, via);
}

export async function ended(cluster: RealCluster, id: string, via = 'node-3') {
  const found = async () => {
    const state = (await cluster.host(via).client.state()).state;
    return state?.backup?.pastJobs.find((job) => job.id === id);
  };
  const job = await pollUntil(found, { what: `the end of ${id}`, timeoutMs: 120_000, intervalMs: 200 });
  return job;
}

export async function sql<Row extends Record<string, unknown>>(
  cluster: RealCluster,
  text: string,
): Promise<Row[]> {
  const client = await cluster.connect((await cluster.primary()).name);
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

interface Content extends Record<string, unknown> {
  hash: string;
  rows: number;
}

export const ledgerSql =
  "SELECT md5(string_agg(i || ':' || filler, ',' ORDER BY i)) AS hash, count(*)::int AS rows FROM ledger";

export async function ledgerOf(client: Pick<Client, 'query'>): Promise<Content | undefined> {
  return (await client.query<Content>(ledgerSql)).rows[0];
}

export async function ledger(cluster: RealCluster, name?: string): Promise<Content | undefined> {
  const client = await cluster.connect(name ?? (await cluster.primary()).name);
  try {
    return await ledgerOf(client);
  } finally {
    await client.end();
  }
}

export async function untilReached(cluster: RealCluster, target: RestoreTarget): Promise<void> {
  const isReached = async () =>
    (await cluster.host('node-1').client.planRestore({ source: null, target })).ok ? true : undefined;
  const limits = { what: 'the target is in the repository', timeoutMs: 30_000, intervalMs: 250 };
  await pollUntil(isReached, limits);
}

/** The copy that is open for a look, and what it answers. */
export async function opened(cluster: RealCluster) {
  const { look } = await overview(cluster);
  if (!look) throw new Error('nothing is open');
  const place = { runDir: look.socketDir, port: look.port };
  const options = { what: 'a look', timeoutMs: 10_000, database: 'app' };
  const ask = <Row extends Record<string, unknown>>(text: string) =>
    withFreshConnection(place, options, async (client) => (await client.query<Row>(text)).rows);
  return { look, ask };
}

/** As soon as what it takes has reached the repository. */
export function planned(cluster: RealCluster, request: OperationRequest) {
  const able = async () => {
    const plan = await cluster.host('node-1').client.plan(request);
    return plan.refusal === null ? plan : undefined;
  };
  return pollUntil(able, { what: 'the plan', timeoutMs: 60_000, intervalMs: 500 });
}

/** Starts it, and says under which name it runs. */
export async function begin(cluster: RealCluster, via: string, request: OperationRequest): Promise<string> {
  const { client } = cluster.host(via);
  const started = async () => {
    const plan = await client.plan(request);
    if (plan.refusal !== null) return undefined;
    const start = { request, planHash: plan.hash, requestedBy: 'test', reason: '' };
    return client.start(start).catch(() => undefined);
  };
  const limits = { what: `${request.kind} starts`, timeoutMs: 60_000, intervalMs: 500 };
  return (await pollUntil(started, limits)).operationId;
}

export async function untilPlacing(cluster: RealCluster, via: string): Promise<void> {
  const isPlacing = async () => {
    const phase = (await cluster.host(via).client.state()).state?.restoring?.phase;
    return phase === 'placing' || phase === 'opening' ? true : undefined;
  };
  await pollUntil(isPlacing, { what: 'the copy is put in place', timeoutMs: 60_000, intervalMs: 5 });
}

export function operationEnded(cluster: RealCluster, via: string, id: string) {
  const ended = async () => {
    const operations = await cluster.host(via).client.operations();
    return operations.find((each) => each.id === id && each.state !== 'running');
  };
  return pollUntil(ended, { what: 'the restore ends', timeoutMs: 200_000, intervalMs: 100 });
}

export async function superuser(cluster: RealCluster, name: string, text: string): Promise<void> {
  const { config } = cluster.host(name);
  const place = { runDir: join(config.runDir, 'pg'), port: cluster.portOf(name) };
  await withFreshConnection(place, { what: text, timeoutMs: 20_000 }, (client) => client.query(text));
}

/** Backups were set up just now, and nobody has made one. */
export async function expectAlertsBeforeTheFirst(cluster: RealCluster): Promise<void> {
  await untilOver(cluster, 'no-backups');
  expect(await untilTold(cluster, 'backup-too-old')).toBe('demo has no backup that could be restored.');
  expect(await run(cluster, { kind: 'drill' })).toMatchObject({ state: 'failed' });
  expect(await untilTold(cluster, 'backup-failed')).toMatch(/^The last drill of demo failed.*: there is no/);
}

/** One was made, and nobody has tried to restore it. */
export async function expectAlertsAfterTheFirst(cluster: RealCluster): Promise<void> {
  await untilOver(cluster, 'backup-too-old');
  const unproven = await untilTold(cluster, 'restore-not-proven', { limits: { days: 0 } });
  expect(unproven).toContain('has proven the backups of demo in 0 days (last: never)');
}
