import { copyFile, mkdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { basename, join } from 'node:path';
import { QuantaError } from '../../shared/errors.ts';
import { readControlData } from '../control-data.ts';
import type { NodePlace } from '../layout.ts';
import { writeOwnedFile } from '../owned-file.ts';
import { validateParameters } from '../parameter-check.ts';
import { initialSettings } from '../settings.ts';
import { rememberSettings } from '../settings-files.ts';
import { type Findings, judgeServer } from './findings.ts';
import { isOwnServer } from './ownership.ts';
import { type ConfigurationFiles, ForeignServer, findRunningServer } from './running-server.ts';

/** What taking over a server that was there before QuantaDB needs of this host. Every step may be done again. */
export interface Adopter {
  /** @throws QuantaError REFUSED when there is no server to look at, with the next step */
  find(): Promise<Findings>;
  addRoles(): Promise<string>;
  /** The server stops, its configuration is kept beside the state, and from then on it is QuantaDB's. */
  takeOver(): Promise<string>;
}

/** The real server in the data directory of this host. */
export class ServerAdopter implements Adopter {
  private readonly place: NodePlace;

  constructor(place: NodePlace) {
    this.place = place;
  }

  async find(): Promise<Findings> {
    const { place } = this;
    if (await isOwnServer(place)) {
      throw new QuantaError('REFUSED', `${place.dataDir} holds no server of somebody else’s`, {
        hint: 'Name its data directory when the host is enrolled: quantadb host enroll … --data-directory.',
      });
    }
    const look = await (await ForeignServer.find(place)).look();
    const where = {
      port: place.port,
      listenHost: place.listenHost,
      socketDirectory: place.runDir,
      osUser: place.osUser?.name ?? null,
      daemonUser: userInfo().username,
    };
    const first = judgeServer(look, where);
    const { refused } = await validateParameters(place, first.parameters);
    return refused.length === 0 ? first : judgeServer(look, where, refused);
  }

  async addRoles(): Promise<string> {
    if (await isOwnServer(this.place)) return 'it was taken over already';
    await (await ForeignServer.find(this.place)).addRoles();
    return 'quantadb and quantadb_replication';
  }

  async takeOver(): Promise<string> {
    const { place } = this;
    if (await isOwnServer(place)) return 'it was taken over already';
    const kept = join(place.stateDir, 'adopted');
    let stopped = 'it had stopped already';
    if (await findRunningServer(place.dataDir)) {
      const server = await ForeignServer.find(place);
      const { files } = await server.look();
      await keepFiles(files, kept);
      const { autostart } = await server.stop(files.config);
      stopped = autostart ? `stopped; ${autostart}` : 'stopped';
    }
    await this.requireCleanStop();
    await this.replaceConfiguration(kept);
    await rememberSettings(place, initialSettings);
    return `${stopped}; its configuration is kept in ${kept}`;
  }

  private async requireCleanStop(): Promise<void> {
    const { clusterState } = await readControlData(this.place);
    if (clusterState === 'shut down') return;
    throw new QuantaError(
      'REFUSED',
      `the server did not stop cleanly (${clusterState}): nothing of it was changed`,
      {
        hint: 'Start it as you always did, let it recover, and go on: quantadb operations retry.',
      },
    );
  }

  /** Whatever it said is in the cluster's parameters by now; said twice, the old word would win. */
  private async replaceConfiguration(kept: string): Promise<void> {
    const own = { osUser: this.place.osUser, mode: 0o600 };
    const note = `# QuantaDB runs this server. What was here is kept in ${kept}; change parameters through QuantaDB.\n`;
    await writeOwnedFile(join(this.place.dataDir, 'postgresql.conf'), note, own);
    await writeOwnedFile(join(this.place.dataDir, 'postgresql.auto.conf'), '', own);
  }
}

async function keepFiles(files: ConfigurationFiles, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const file of Object.values(files)) {
    try {
      await copyFile(file, join(directory, basename(file)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}
