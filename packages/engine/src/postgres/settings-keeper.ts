import { pollUntil } from '../shared/deadline.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { withFreshConnection } from './connection.ts';
import type { NodePlace } from './layout.ts';
import type { PostmasterHost } from './postmaster-host.ts';
import { type MutableSettings, renderPrimaryConninfo } from './settings.ts';
import { recallSettings, rememberSettings, type WrittenSettings, writeSettings } from './settings-files.ts';

/** More changes than this waiting for one another mean that the disk hangs. */
const waitingMax = 16;

export type ChangeResult = { ok: true } | { ok: false; reason: string };

/**
 * Holds what changes in the settings of one server. Changes are written one after another, each as a whole, and
 * remembered, so that a restarted daemon goes on from them.
 */
export class SettingsKeeper {
  private readonly place: NodePlace;
  private readonly host: PostmasterHost;
  private readonly logger: Logger;
  private settings: MutableSettings | null = null;
  private tail: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(parts: { place: NodePlace; host: PostmasterHost; logger: Logger }) {
    this.place = parts.place;
    this.host = parts.host;
    this.logger = parts.logger;
  }

  async current(): Promise<MutableSettings> {
    this.settings ??= await recallSettings(this.place);
    return this.settings;
  }

  /** Merges and writes; the running server sees nothing of it before `reload`. */
  async change(
    patch: (current: MutableSettings) => Partial<MutableSettings> | Promise<Partial<MutableSettings>>,
  ): Promise<WrittenSettings> {
    return this.oneAtATime(async () => {
      const current = await this.current();
      const next = { ...current, ...(await patch(current)) };
      await rememberSettings(this.place, next);
      this.settings = next;
      const written = await writeSettings(this.place, next);
      this.report(written);
      return written;
    });
  }

  /** Tells a running postmaster to read its files again. Does not wait until it has. */
  async signalReload(): Promise<boolean> {
    const { postmaster } = await this.host.status();
    if (postmaster === null) return false;
    await this.host.signal('SIGHUP');
    return true;
  }

  /**
   * Reloads and waits until a fresh connection, which shows what the postmaster itself has read, has every value that
   * was written. Without this nobody would notice that a typing error elsewhere made PostgreSQL keep its old settings.
   */
  async reloadAndVerify(timeoutMs: number): Promise<ChangeResult> {
    if (!(await this.signalReload())) return { ok: true };
    const settings = await this.current();
    const expected = {
      primary_conninfo: renderPrimaryConninfo(this.place, settings),
      primary_slot_name: settings.upstream?.slot ?? '',
      synchronous_standby_names: settings.synchronousStandbyNames,
      synchronous_commit: settings.synchronousCommit,
    };
    let last = '';
    try {
      await pollUntil(
        async () => {
          last = await this.differences(expected, timeoutMs);
          return last === '' ? true : undefined;
        },
        { what: 'the reload', timeoutMs, intervalMs: 10 },
      );
      return { ok: true };
    } catch (error) {
      return { ok: false, reason: last === '' ? messageOf(error) : last };
    }
  }

  /** Empty when the server has every expected value; else what differs, with PostgreSQL's own complaint. */
  private async differences(expected: Record<string, string>, timeoutMs: number): Promise<string> {
    const options = { what: 'reading the settings back', timeoutMs };
    try {
      return await withFreshConnection(this.place, options, async (client) => {
        const { rows } = await client.query<{ name: string; setting: string; sourcefile: string | null }>(
          'SELECT name, reset_val AS setting, sourcefile FROM pg_settings WHERE name = ANY($1)',
          [Object.keys(expected)],
        );
        const wrong = rows.filter((row) => row.setting !== expected[row.name]);
        if (wrong.length === 0) return '';
        const complaints = await client.query<{ error: string }>(
          "SELECT DISTINCT name || ': ' || error AS error FROM pg_file_settings WHERE error IS NOT NULL",
        );
        const details = wrong.map(
          (row) => `${row.name} is still ${JSON.stringify(row.setting)} (${row.sourcefile})`,
        );
        return [...details, ...complaints.rows.map((row) => row.error)].join('; ');
      });
    } catch (error) {
      return messageOf(error);
    }
  }

  private report(written: WrittenSettings): void {
    if (written.stripped.length > 0) {
      this.logger.warn(
        { names: written.stripped },
        'settings made by ALTER SYSTEM belong to QuantaDB and were removed',
      );
    }
    if (written.refusedParameters.length > 0) {
      this.logger.warn({ refused: written.refusedParameters }, 'parameters were refused');
    }
    if (written.refusedHbaLines.length > 0) {
      this.logger.warn({ refused: written.refusedHbaLines }, 'lines for pg_hba.conf were refused');
    }
  }

  private async oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    if (this.waiting >= waitingMax) {
      throw new QuantaError('STORAGE_FAILED', `${waitingMax} changes of settings are waiting to be written`, {
        hint: 'Check the disk that holds the data directory and the state directory.',
      });
    }
    this.waiting += 1;
    const turn = this.tail.then(work);
    this.tail = turn
      .catch(() => undefined)
      .finally(() => {
        this.waiting -= 1;
      });
    return turn;
  }
}
