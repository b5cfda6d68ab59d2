import { type ClusterStatus, clusterStatusSchema } from '@quantadb/engine/contract/status';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import type { Logger } from '@quantadb/engine/shared/logger';
import { isDataError, type MetadataPools } from '../metadata-pool.ts';
import type { LiveStatus } from './live-status.ts';
import {
  type DirectoryRow,
  deciderSilenceMs,
  StatusBoard,
  type StoredStatus,
  type UnstoredStatus,
} from './status-board.ts';

export interface StatusKeeperOptions {
  pools: MetadataPools;
  logger: Logger;
  /** A status that another console has heard. */
  onNews(live: LiveStatus): void;
}

const storeEveryMs = 500;
/** What other consoles and people have changed is known here so soon. */
const directoryFreshMs = 200;
/** The first report makes the row, and a host is said to belong to it within this time. */
const newForSeconds = 10;

const directorySql = `
  SELECT c.id AS "clusterId", c.name, c.revision::float8 AS revision,
         (extract(epoch FROM c.reported_at) * 1000)::float8 AS "reportedAtMs"
  FROM cluster c
  WHERE c.created_at > now() - interval '${newForSeconds} seconds'
    OR EXISTS (SELECT FROM host h WHERE h.cluster_id = c.id AND h.revoked_at IS NULL)
  ORDER BY c.name`;
const loadSql = `
  SELECT c.id AS "clusterId", c.name, c.revision::float8 AS revision, c.status,
         (extract(epoch FROM c.reported_at) * 1000)::float8 AS "reportedAtMs"
  FROM cluster c WHERE c.id = ANY ($1::uuid[]) AND c.status IS NOT NULL AND c.reported_at IS NOT NULL`;
/** A status of five nodes is ten kilobytes: everybody else waits while so many are written out. */
const storedAtOnceMax = 25;
/** As the board judges: it names no decider, and another console has heard it just now. */
const knowsLess = `told.status #>> '{raft,leader}' IS NULL AND c.status #>> '{raft,leader}' IS NOT NULL
    AND abs(extract(epoch FROM told.reported_at - c.reported_at)) * 1000 <= ${deciderSilenceMs}`;
/** In one order, so that two consoles do not wait for each other in a circle. */
const storeSql = (count: number) => `
  WITH told AS MATERIALIZED (
    SELECT c.id, t.revision, t.reported_at, t.status
    FROM (VALUES ${Array.from({ length: count }, (_, at) => valuesAt(4 * at)).join(', ')})
      AS t (id, revision, reported_at, status)
    JOIN cluster c ON c.id = t.id ORDER BY c.id FOR UPDATE OF c
  )
  UPDATE cluster c SET status = told.status, revision = told.revision, reported_at = told.reported_at
  FROM told WHERE c.id = told.id AND c.revision <= told.revision AND (${knowsLess}) IS NOT TRUE`;
const valuesAt = (at: number) =>
  `($${at + 1}::uuid, $${at + 2}::bigint, $${at + 3}::timestamptz, $${at + 4}::jsonb)`;

/**
 * Keeps the board and the metadata alike: what was reported here is stored twice a second in few statements, however many clusters
 * there are; what was reported elsewhere is read when somebody asks. Of a cluster that waits to be stored only the newest status
 * waits, so a slow database costs age, and no memory.
 */
export class StatusKeeper {
  readonly board = new StatusBoard();
  private readonly options: StatusKeeperOptions;
  private readonly timer: NodeJS.Timeout;
  private storing: Promise<void> | null = null;
  private reading: Promise<void> | null = null;
  private changes = 0;
  private refreshedAtMs = Number.NEGATIVE_INFINITY;
  private failed = 0;

  constructor(options: StatusKeeperOptions) {
    this.options = options;
    this.timer = setInterval(() => void this.store(), storeEveryMs);
  }

  /** How often the statuses of half a second could not be stored. */
  get storesFailed(): number {
    return this.failed;
  }

  /**
   * A report to this console.
   *
   * @returns what it has become; null: a newer one is known
   * @throws QuantaError PROTOCOL_VIOLATION for what the metadata could not hold
   */
  hear(clusterId: string, status: ClusterStatus): LiveStatus | null {
    if (!Number.isSafeInteger(status.revision) || status.revision < 0)
      throw new QuantaError('PROTOCOL_VIOLATION', `${status.revision} is no revision`);
    return this.board.hear(clusterId.toLowerCase(), status, Date.now());
  }

  /** A cluster that no host belongs to any more is over: its history stays, and nobody looks at its last status. */
  async list(): Promise<LiveStatus[]> {
    await this.refresh();
    return this.board.list();
  }

  async find(clusterId: string): Promise<LiveStatus | null> {
    await this.refresh();
    return this.board.find(clusterId);
  }

  /** The next look reads anew which clusters there are. */
  expectChange(): void {
    this.changes += 1;
    this.refreshedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Reads what other consoles have stored, unless that was done a moment ago. */
  async refresh(): Promise<void> {
    // The first read may have begun before what is looked for was there; the second one has not.
    for (let reads = 0; reads < 2 && performance.now() - this.refreshedAtMs > directoryFreshMs; reads += 1) {
      this.reading ??= this.read().finally(() => {
        this.reading = null;
      });
      await this.reading;
    }
  }

  /** @returns when everything heard until now is stored, or could not be */
  async store(): Promise<void> {
    this.storing ??= this.write().finally(() => {
      this.storing = null;
    });
    await this.storing;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.storing;
    await this.store();
  }

  private async read(): Promise<void> {
    const [beganMs, changes] = [performance.now(), this.changes];
    const { questions } = this.options.pools;
    const { rows } = await questions.query<DirectoryRow>({ name: 'directory', text: directorySql });
    const wanted = this.board.learn(rows, Date.now());
    if (wanted.length > 0) {
      const loaded = await questions.query<DirectoryRow & { status: unknown }>(loadSql, [wanted]);
      for (const live of this.board.take(loaded.rows.map(understood), Date.now())) this.options.onNews(live);
    }
    if (changes === this.changes) this.refreshedAtMs = beganMs;
  }

  private async write(): Promise<void> {
    const waiting = this.board.waiting();
    try {
      for (let first = 0; first < waiting.length; first += storedAtOnceMax)
        await this.writeAll(this.board.unstored(waiting.slice(first, first + storedAtOnceMax)));
    } catch (error) {
      this.failed += 1;
      const about = { error: messageOf(error), clusters: waiting.length };
      this.options.logger.warn(about, 'statuses were not stored; the newest are tried again');
    }
  }

  /** One that PostgreSQL does not take is left out: it must not keep the others from being stored. */
  private async writeAll(waiting: UnstoredStatus[]): Promise<void> {
    const [first] = waiting;
    if (!first) return;
    try {
      const count = waiting.length;
      const values = waiting.flatMap(valuesOf);
      await this.options.pools.bulk.query({ name: `statuses ${count}`, text: storeSql(count), values });
    } catch (error) {
      if (!isDataError(error)) throw error;
      if (waiting.length > 1) {
        const half = Math.ceil(waiting.length / 2);
        await this.writeAll(waiting.slice(0, half));
        return this.writeAll(waiting.slice(half));
      }
      const { clusterId } = first;
      this.options.logger.warn(
        { clusterId, error: messageOf(error) },
        'the status of a cluster cannot be stored',
      );
    }
    this.board.noteStored(waiting);
  }
}

function valuesOf({ clusterId, revision, reportedAtMs, text }: UnstoredStatus): (string | number)[] {
  return [clusterId, revision, new Date(reportedAtMs).toISOString(), text];
}

/** Another release may have stored it; what it did not know has its usual value. */
function understood(row: DirectoryRow & { status: unknown }): StoredStatus {
  const parsed = clusterStatusSchema.safeParse(row.status);
  const status = parsed.success ? parsed.data : (row.status as ClusterStatus);
  return { ...row, status, isUnderstood: parsed.success };
}
