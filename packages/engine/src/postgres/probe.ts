import { systemClock } from '../shared/clock.ts';
import { withDeadline } from '../shared/deadline.ts';
import { overwriteInPlace } from '../shared/durable-file.ts';
import { messageOf } from '../shared/errors.ts';
import { classifyFailure, withFreshConnection } from './connection.ts';
import { filesOf, type NodePlace } from './layout.ts';
import { probeMark, probePrefix } from './probe-mark.ts';

export type ProbeResult =
  | { ok: true; tookMs: number; isInRecovery: boolean }
  | {
      ok: false;
      /** `too_many_connections` (53300) and `starting` (57P03) come from a living server: they are not death. */
      reason: 'refused' | 'timeout' | 'too_many_connections' | 'starting' | 'error';
      detail: string;
    };

/**
 * One look at whether PostgreSQL can still do its work. The connection is a new one, because a hung postmaster keeps
 * serving old ones; on a primary the commit is flushed, because a hung disk must count as dead; and it is flushed with
 * `synchronous_commit = local`, because waiting for standbys says nothing about this server.
 */
export class Probe {
  private readonly place: NodePlace;
  private isWritingFile = false;

  constructor(place: NodePlace) {
    this.place = place;
  }

  async run(timeoutMs: number): Promise<ProbeResult> {
    const startMs = systemClock.monotonicMs();
    try {
      const [isInRecovery] = await Promise.all([this.askServer(timeoutMs), this.writeFile(timeoutMs)]);
      return { ok: true, tookMs: systemClock.monotonicMs() - startMs, isInRecovery };
    } catch (error) {
      const failure = classifyFailure(error);
      const reason = failure === 'busy' ? 'too_many_connections' : failure;
      return { ok: false, reason, detail: messageOf(error) };
    }
  }

  private async askServer(timeoutMs: number): Promise<boolean> {
    return withFreshConnection(this.place, { what: 'the probe’s connection', timeoutMs }, async (client) => {
      const asked = await client.query<{ recovery: boolean }>('SELECT pg_is_in_recovery() AS recovery');
      const isInRecovery = asked.rows[0]?.recovery ?? false;
      // A transactional message takes a transaction id, so its commit record is flushed like any other's. The mark tells
      // it from a client's, where somebody has to know what was written after the last confirmed position.
      if (!isInRecovery) {
        await client.query('SET synchronous_commit = local');
        const mark = await probeMark(this.place);
        await client.query('SELECT pg_logical_emit_message(true, $1, $2)', [probePrefix, mark]);
      }
      return isInRecovery;
    });
  }

  private async writeFile(timeoutMs: number): Promise<void> {
    // A write that hangs keeps a thread of the pool; another one on top would soon take them all.
    if (this.isWritingFile)
      throw Object.assign(new Error('an earlier write still hangs'), { code: 'DEADLINE_EXCEEDED' });
    this.isWritingFile = true;
    // In place: a disk that hangs is noticed all the same, and nobody waits for the file system's journal because of it. Readable to
    // the server, or a base backup that copies the file would fail.
    const { probeFile } = filesOf(this.place);
    const writing = overwriteInPlace(probeFile, `${systemClock.wallMs()}`, this.place.osUser).finally(() => {
      this.isWritingFile = false;
    });
    writing.catch(() => undefined);
    await withDeadline('the probe’s write', timeoutMs, () => writing);
  }
}
