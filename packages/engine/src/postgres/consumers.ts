import type pg from 'pg';

/**
 * Clients that receive WAL as a role of the user's: logical replication, which PostgreSQL lets in by the lines for ordinary
 * clients. A commit waits for whoever bears a name of synchronous_standby_names, also for them (PostgreSQL's page on
 * synchronous replication): a subscription that happens to be called like a node would confirm in that node's place, and a failover
 * lose what it confirmed. Its name is not known before it streams, so it is ended at the next look.
 */
export interface Consumer {
  pid: number;
  /** `application_name`, in lower case: PostgreSQL compares without it. */
  name: string;
  role: string;
}

/** Whom of them a commit may have waited for (pure). */
export function impostorsIn(sample: {
  isInRecovery: boolean;
  synchronousStandbyNames: string;
  consumers: Consumer[];
}): Consumer[] {
  if (sample.isInRecovery || sample.consumers.length === 0) return [];
  const counted = new Set(
    [...sample.synchronousStandbyNames.matchAll(/"((?:[^"]|"")*)"/g)].map(([, name = '']) =>
      name.replaceAll('""', '"').toLowerCase(),
    ),
  );
  return sample.consumers.filter(({ name }) => counted.has(name));
}

/** @throws whatever the query throws */
export async function endConsumers(queryable: Pick<pg.Pool, 'query'>, consumers: Consumer[]): Promise<void> {
  if (consumers.length === 0) return;
  await queryable.query('SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE pid = ANY ($1)', [
    consumers.map(({ pid }) => pid),
  ]);
}
