import type { HostTools } from '@quantadb/engine/cluster/host-tools';
import type { OwnDurabilityChange } from '@quantadb/engine/contract/own-durability';
import { refusedAccess } from '@quantadb/engine/postgres/access-trial';
import {
  inspectHost,
  programVersion,
  requireWorkingPrograms,
  serverFacts,
} from '@quantadb/engine/postgres/host-inspection';
import type { NodePlace } from '@quantadb/engine/postgres/layout';
import { setOwnDurability } from '@quantadb/engine/postgres/own-durability';
import { serverSettings } from '@quantadb/engine/postgres/server-settings';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { changeHostConfig } from './host-config.ts';

export interface RealHostToolsOptions {
  place: NodePlace;
  /** host.json, where the directory of PostgreSQL's programs is kept; null: it cannot be changed. */
  configFile: string | null;
  /** Told after the file says so. */
  onPrograms(directory: string): void;
  onRestart(): void;
}

/** Set by whatever starts the daemon again when it ends: systemd sets the first one of itself. */
const keepers = ['INVOCATION_ID', 'QUANTADB_SUPERVISED'];

export function isSupervised(): boolean {
  return keepers.some((name) => process.env[name]);
}

/** This machine, as operations need it. */
export class RealHostTools implements HostTools {
  private readonly options: RealHostToolsOptions;

  constructor(options: RealHostToolsOptions) {
    this.options = options;
  }

  inspect({ libraries }: { libraries: string[] }) {
    const { place } = this.options;
    return inspectHost(place, { libraries, ports: [place.port] });
  }

  serverFacts() {
    return serverFacts(this.options.place);
  }

  serverSettings() {
    return serverSettings(this.options.place);
  }

  setOwnDurability(change: OwnDurabilityChange): Promise<void> {
    return setOwnDurability(this.options.place, change);
  }

  refusedAccess(lines: readonly string[]) {
    return refusedAccess(this.options.place, lines);
  }

  async programVersion(directory: string | null): Promise<string> {
    const { place } = this.options;
    const binDir = directory ?? place.binDir;
    const version = await programVersion(binDir, place.osUser);
    await requireWorkingPrograms(place, binDir);
    return version;
  }

  async usePrograms(directory: string): Promise<string> {
    const { place, configFile, onPrograms } = this.options;
    const before = place.binDir;
    await this.programVersion(directory);
    if (before === directory) return before;
    if (configFile === null) throw new QuantaError('REFUSED', 'this host has no configuration file');
    await changeHostConfig(configFile, { binDir: directory });
    onPrograms(directory);
    return before;
  }

  async restartDaemon(): Promise<void> {
    if (!isSupervised()) {
      throw new QuantaError('REFUSED', 'nothing would start this daemon again', {
        hint: 'Run it as a service (quantadb host install), or restart it by hand.',
      });
    }
    this.options.onRestart();
  }
}
