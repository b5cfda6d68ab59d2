import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { access, mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseEnv } from 'node:util';
import { setupTokenOf } from '@quantadb/engine/security/setup-token';
import { writeDurably } from '@quantadb/engine/shared/durable-file';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { consoleNodeOption } from '../console-memory.ts';
import { installUnit, ownCommand, quoted, removeUnit } from './systemd.ts';

/** The console as a service of systemd. Its settings are environment variables, kept in one commented file. */

const serverFile = fileURLToPath(new URL('../../../console/dist/server.js', import.meta.url));
export const consoleUnit = 'quantadb-console.service';

export interface ConsoleSettings {
  databaseUrl: string;
  publicUrl: string;
  listen: string;
  port: number;
}

/** The file (systemd.exec(5), EnvironmentFile): readable by root only, because of its secrets. */
export function settingsText(
  { databaseUrl, publicUrl, listen, port }: ConsoleSettings,
  secret: string,
): string {
  return `# The QuantaDB console. Changed? systemctl restart ${consoleUnit}

# PostgreSQL that holds hosts, people, tokens, audit and history. Clusters do not need it.
QUANTADB_DATABASE_URL=${databaseUrl}

# 32 bytes in hexadecimal: encrypts the key of the authority, signs sessions. The same on every instance; keep a copy
# elsewhere: without it every host has to be enrolled anew.
QUANTADB_SECRET=${secret}

# How people and hosts reach the console.
QUANTADB_PUBLIC_URL=${publicUrl}

# Where it listens. Put what ends TLS in front of it.
QUANTADB_CONSOLE_LISTEN=${listen}
QUANTADB_CONSOLE_PORT=${port}

# Copies of the database above, made by the console itself: on another machine, or a disk of its own. Without them the
# loss of this machine is the loss of people, roles and the authority that hosts trust (docs/operations/disaster-recovery.md).
#QUANTADB_METADATA_BACKUP_DIRECTORY=/var/lib/quantadb-console/copies

# What /metrics asks for, as "Authorization: Bearer ..." (16 characters or more): it names every cluster and node. Without it whoever
# reaches the console may read it.
#QUANTADB_METRICS_TOKEN=

# How many requests a person or a token may send in a minute: those that only read, and those that change something.
QUANTADB_READS_PER_MINUTE=12000
QUANTADB_REQUESTS_PER_MINUTE=1200

# debug, info, warn or error
QUANTADB_LOG_LEVEL=info
`;
}

/** systemd reads the file as root; the console itself runs as a user of its own that owns nothing. */
export function consoleUnitText(command: string[], file: string): string {
  return `# Written by: quantadb console install.
[Unit]
Description=QuantaDB console
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=simple
EnvironmentFile=${file.replaceAll('%', '%%')}
Environment=NODE_ENV=production NEXT_TELEMETRY_DISABLED=1 NODE_OPTIONS=${consoleNodeOption}
ExecStart=${command.map(quoted).join(' ')} console run
Restart=always
RestartSec=2
TimeoutStopSec=20
LimitNOFILE=65536
DynamicUser=yes
NoNewPrivileges=yes
ProtectSystem=strict
PrivateTmp=yes
StateDirectory=quantadb-console
StateDirectoryMode=0700

[Install]
WantedBy=multi-user.target
`;
}

/** @throws QuantaError REFUSED when the file is there: its secret must not be lost */
export async function writeConsoleSettings(file: string, settings: ConsoleSettings): Promise<string> {
  const path = resolve(file);
  if (await stat(path).catch(() => null))
    throw new QuantaError('REFUSED', `${path} is there already`, {
      hint: 'Change it with an editor, or name another file.',
    });
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeDurably(path, settingsText(settings, randomBytes(32).toString('hex')));
  return path;
}

/**
 * What proves to the console that whoever sets it up may read its settings.
 *
 * @throws QuantaError CONFIG_INVALID
 */
export async function setupOf(file: string): Promise<{ token: string; url: string }> {
  const text = await readFile(resolve(file), 'utf8').catch((cause: unknown) => {
    throw new QuantaError('CONFIG_INVALID', `${resolve(file)} cannot be read`, {
      hint: 'Name the file that quantadb console init has written, as the user who may read it.',
      cause,
    });
  });
  const { QUANTADB_SECRET: secret, QUANTADB_PUBLIC_URL: publicUrl } = parseEnv(text);
  if (!secret || !publicUrl || !URL.canParse(publicUrl))
    throw new QuantaError('CONFIG_INVALID', `${resolve(file)} lacks QUANTADB_SECRET or QUANTADB_PUBLIC_URL`);
  const token = setupTokenOf(secret);
  return { token, url: `${new URL('/setup', publicUrl).href}#${token}` };
}

/** In the foreground; settings that the environment has already win over those of the file. */
export async function runConsole(file: string | undefined): Promise<void> {
  if (lacksMemory(process.execArgv, process.env.NODE_OPTIONS)) return runWithMemory();
  // Whoever has started it for that is gone, however.
  if (process.connected) process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  // To listen for that keeps nobody alive who has nothing else to do.
  process.channel?.unref();
  if (file) process.loadEnvFile(resolve(file));
  process.env.NODE_ENV ??= 'production';
  await access(serverFile).catch((cause: unknown) => {
    throw new QuantaError('CONFIG_INVALID', 'the console is not built', {
      hint: 'Run: npm run build',
      cause,
    });
  });
  await import(pathToFileURL(serverFile).href);
}

/** Whether this process has the usual memory for what is young, which a console needs more of. */
export function lacksMemory(ownOptions: readonly string[], nodeOptions = ''): boolean {
  const [name = ''] = consoleNodeOption.split('=');
  return ![...ownOptions, ...nodeOptions.split(' ')].some((option) => option.startsWith(name));
}

/** It is set where a process begins: the console becomes one of its own, which ends when this one is told to. */
async function runWithMemory(): Promise<void> {
  const child = spawn(process.execPath, [consoleNodeOption, ...process.argv.slice(1)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  const end = () => void child.kill('SIGTERM');
  // A terminal tells both of them to stop, and the console itself listens to SIGTERM only.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end);
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
}

/** @returns what was done, and what is left to do by hand, in sentences */
export async function installConsole(file: string): Promise<string[]> {
  const path = resolve(file);
  if (!(await stat(path).catch(() => null)))
    throw new QuantaError('CONFIG_INVALID', `${path} is not there`, {
      hint: `Run: quantadb console init ${path}`,
    });
  return installUnit({
    name: consoleUnit,
    text: consoleUnitText(await ownCommand(), path),
    otherwise: `start the console with: quantadb console run ${path}`,
  });
}

export async function uninstallConsole(): Promise<string[]> {
  await removeUnit(consoleUnit);
  return [`${consoleUnit} is gone; its settings and its database stay.`];
}
