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

interface Look {
  isInRecovery: boolean;
  synchronousStandbyNames: string;
  consumers: Consumer[];
}

/** Whom of them a commit may have waited for (pure). */
export function impostorsIn(sample: Look): Consumer[] {
  if (sample.isInRecovery || sample.consumers.length === 0) return [];
  const counted = new Set(
    [...sample.synchronousStandbyNames.matchAll(/"((?:[^"]|"")*)"/g)].map(([, name = '']) =>
      name.replaceAll('""', '"').toLowerCase(),
    ),
  );
  return sample.consumers.filter(({ name }) => counted.has(name));
}

const talkedOfMs = 60_000;
const impostorsMax = 20;

/**
 * Who took a node's name lately. They are ended at once, by whichever look at the server meets them first, and told of by somebody who
 * looks less often, or has to try again.
 */
export class ImpostorMemory {
  private readonly seen = new Map<string, { consumer: Consumer; atMs: number }>();

  /**
   * Noted before they are ended: that happens also when the answer to the question is lost.
   *
   * @throws whatever the query throws
   */
  async end(queryable: Pick<pg.Pool, 'query'>, sample: Look, atMs: number): Promise<void> {
    const impostors = impostorsIn(sample);
    if (impostors.length === 0) return;
    for (const consumer of impostors) {
      const key = `${consumer.role}/${consumer.name}`;
      if (this.seen.has(key) || this.seen.size < impostorsMax) this.seen.set(key, { consumer, atMs });
    }
    const pids = impostors.map(({ pid }) => pid);
    await queryable.query('SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE pid = ANY ($1)', [
      pids,
    ]);
  }

  lately(atMs: number): Consumer[] {
    for (const [key, { atMs: seenMs }] of this.seen) if (atMs - seenMs > talkedOfMs) this.seen.delete(key);
    return [...this.seen.values()].map(({ consumer }) => consumer);
  }
}
