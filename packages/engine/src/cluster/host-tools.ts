import type { HostFacts, ServerFacts } from '../contract/host-facts.ts';
import type { OwnDurability, OwnDurabilityChange } from '../contract/own-durability.ts';
import type { ServerSetting } from '../contract/settings-view.ts';
import type { RefusedHbaLine } from '../postgres/access.ts';

/** What operations need of a host beside the role of its PostgreSQL. Absent where there is no real machine. */
export interface HostTools {
  /** Before this host joins a cluster: what there is, and whether it would do. */
  inspect(wanted: { libraries: string[] }): Promise<HostFacts>;
  /** Of the running server, which the others have to match. */
  serverFacts(): Promise<ServerFacts>;
  /** Of the running server, as a new session gets them, and what roles and databases have of their own. */
  serverSettings(): Promise<{ settings: ServerSetting[]; ownDurabilities: OwnDurability[] }>;
  /** @throws QuantaError REFUSED when there is no such role or database, or the server is no primary */
  setOwnDurability(change: OwnDurabilityChange): Promise<void>;
  /** Of the running server: which lines of pg_hba.conf it would not take. They do not count yet. */
  refusedAccess(lines: readonly string[]): Promise<RefusedHbaLine[]>;
  /**
   * The version of PostgreSQL's programs in a directory; null: those of now, as they are on disk.
   *
   * @throws QuantaError REFUSED when they cannot run this host's data
   */
  programVersion(directory: string | null): Promise<string>;
  /** From the next start of PostgreSQL on; kept in the host's own configuration. @returns where they were */
  usePrograms(directory: string): Promise<string>;
  /**
   * The daemon ends, and whatever keeps it starts it again; PostgreSQL goes on.
   *
   * @throws QuantaError REFUSED when nothing would start it again
   */
  restartDaemon(): Promise<void>;
}
