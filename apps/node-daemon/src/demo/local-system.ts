import { mkdir } from 'node:fs/promises';
import { messageOf } from '@quantadb/engine/shared/errors';
import { certifyOperator, enrol } from '../enrol.ts';
import { osUserNamed } from '../preflight/os-user.ts';
import type { Prepared } from '../preflight/run-preflight.ts';
import { authorityFingerprint, enrolmentToken, prepareAccess } from './access.ts';
import { bringUp } from './bring-up.ts';
import { install, isInstalled, type SystemFile } from './installation.ts';
import { demoPaths } from './layout.ts';
import { LocalControlPlane } from './local-control-plane.ts';
import { ensureSecrets, type Secrets } from './secrets.ts';
import { DemoSupervisor } from './supervisor.ts';

export interface LocalSystemOptions {
  home: string;
  prepared: Prepared;
  say(line: string): void;
  /** Ends every wait of the start. */
  signal: AbortSignal;
}

/** Control plane, four hosts and the cluster `demo`: all of `npm start`, to be started and stopped as one. */
export class LocalSystem {
  private readonly options: LocalSystemOptions;
  private controlPlane: LocalControlPlane | null = null;
  private supervisor: DemoSupervisor | null = null;
  private secrets: Secrets | null = null;

  constructor(options: LocalSystemOptions) {
    this.options = options;
  }

  /** @returns when the cluster serves and the console answers, or it is known that one of them will not */
  async start(): Promise<void> {
    const { home, prepared, say, signal } = this.options;
    const { ports, binDir } = prepared;
    await mkdir(home, { recursive: true, mode: 0o755 });
    const osUser = await osUserNamed(prepared.osUser);
    this.secrets = await ensureSecrets(demoPaths(home).secrets);
    const isFirst = !(await isInstalled(home));
    this.controlPlane = new LocalControlPlane({ home, ports, binDir, osUser, secrets: this.secrets, say });
    if (isFirst) say('Starting the console …');
    const console = this.controlPlane.start();
    // The first start needs it for the hosts' certificates. Later on clusters start with or without it.
    if (isFirst) await console;
    else console.catch((error: unknown) => say(`The console is not up: ${messageOf(error)}`));
    const system = await this.install(isFirst);
    this.supervisor = new DemoSupervisor({ home, system, say });
    await this.supervisor.start();
    const { supervisor, secrets } = this;
    const client = (name: string) => supervisor.client(name);
    await bringUp({ system, secrets, formedFile: demoPaths(home).formed, client, say, signal });
    await console.catch(() => undefined);
  }

  /** @returns false when something had to be killed */
  async stop(): Promise<boolean> {
    const isClean = (await this.supervisor?.stop()) ?? true;
    await this.controlPlane?.stop();
    return isClean;
  }

  /** How a person signs in; known once it was started. */
  login(): { url: string; email: string; password: string } {
    const { email = '', password = '' } = this.secrets?.console.admin ?? {};
    return { url: this.controlPlane?.url ?? '', email, password };
  }

  private async install(isFirst: boolean): Promise<SystemFile> {
    const { home, prepared } = this.options;
    const url = this.controlPlane?.url ?? '';
    const secretsFile = demoPaths(home).secrets;
    if (isFirst && this.secrets)
      this.secrets = await prepareAccess({ url, secrets: this.secrets, secretsFile });
    const secrets = await ensureSecrets(secretsFile);
    return install({
      ...{ home, ports: prepared.ports, binDir: prepared.binDir, osUser: prepared.osUser },
      logLevel: 'info',
      consoleUrl: url,
      enrol: async ({ name, addresses }) => {
        const granted = await enrolmentToken(url, secrets, name);
        return enrol({ url, name, kind: 'data', addresses, ...granted });
      },
      certifyOperator: async () => {
        const token = secrets.console.token ?? '';
        return certifyOperator({
          url,
          token,
          name: 'local',
          fingerprint: await authorityFingerprint(url, secrets),
        });
      },
    });
  }
}
