import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { backupImpactSchema, retentionSchema } from '../contract/backup.ts';
import type { RestoreClusterRequest, RestorePlanning, RestoreSource } from '../contract/restore.ts';
import type { RestoreTarget } from '../contract/restore-target.ts';
import { backupProgram } from '../postgres/archive-wrapper.ts';
import { readControlData } from '../postgres/control-data.ts';
import {
  adoptIncoming,
  discardIncoming,
  supportedMajorVersion,
  writeMarker,
} from '../postgres/data-directory.ts';
import { copyCertificates } from '../postgres/host-certificates.ts';
import { filesOf, type NodePlace, superuserRole } from '../postgres/layout.ts';
import { parseLsn, walFileName } from '../postgres/lsn.ts';
import { ensureOwnedDirectory, writeOwnedFile } from '../postgres/owned-file.ts';
import { isOwnedSetting } from '../postgres/settings.ts';
import { QuantaError } from '../shared/errors.ts';
import { momentWords } from '../shared/words.ts';
import { restoreToScratch } from './drill.ts';
import type { BackupEngine, StoredBackup } from './engine.ts';
import { type RemoteServer, renderConfiguration } from './engines/pgbackrest/configuration.ts';
import { PgBackRestEngine } from './engines/pgbackrest/pgbackrest-engine.ts';
import { planRecovery } from './recovery-plan.ts';
import { RepositoryReader } from './repository-reader.ts';
import { otherWay, restoreAnew, wayOf } from './restore-way.ts';

/** Packaged servers use the first; every size that PostgreSQL can be made with. */
const segmentSizes = [16, 1, 2, 4, 8, 32, 64, 128, 256, 512, 1024].map(
  (megabytes) => megabytes * 1024 * 1024,
);

export interface RestoredData {
  systemIdentifier: string;
  timeline: number;
  words: string;
  /** What the cluster of before had set, so that its data can be served as it was. */
  parameters: Record<string, string>;
}

/** Founds a node's data from a repository, with nothing else alive: no cluster, no control plane. */
export class ClusterRestore {
  private readonly place: NodePlace;
  private readonly source: RestoreSource;

  constructor(place: NodePlace, source: RestoreSource) {
    this.place = place;
    this.source = source;
  }

  async plan(target: RestoreTarget, nowMs: number): Promise<RestorePlanning> {
    const engine = await this.engine();
    const { systems, backups } = await engine.inventory();
    const refusal = whyOtherRelease(systems.at(-1)?.postgresVersion ?? null);
    if (refusal) throw new QuantaError('REFUSED', refusal.message, { hint: refusal.hint });
    const segmentBytes = segmentBytesOf(backups);
    const context = {
      config: { retention: retentionSchema.parse({}) },
      ...{ currentTimeline: null, walKeptFrom: null, segmentBytes, nowMs },
      verified: this.source.known?.verified ?? null,
    };
    const repository = await new RepositoryReader(engine, null).view(context);
    if (repository.state !== 'ok')
      throw new QuantaError(
        'REFUSED',
        `the repository cannot be used: ${repository.detail || repository.state}`,
        {
          hint: 'Check its place, its name there (the stanza) and its secrets.',
        },
      );
    return planRecovery({
      ...{ target, repository, nowMs, lastDrill: null },
      points: this.source.known?.points ?? null,
      commitMs: this.source.known?.commitMs ?? null,
      segmentBytes,
    });
  }

  /**
   * Restores beside the data directory, recovers to the target in a server of its own, and only then puts the data in
   * place: an interrupted restore is never taken for a whole one.
   */
  async run(
    asked: Pick<RestoreClusterRequest, 'target' | 'way'>,
    report: { nowMs: number; step(words: string): void; signal: AbortSignal },
  ) {
    const planned = await this.confirmed(asked, report.nowMs);
    const { place } = this;
    const engine = await this.engine();
    const backup = (await engine.inventory()).backups.find(({ label }) => label === planned.plan.label);
    if (!backup) throw new QuantaError('NOT_FOUND', `there is no backup ${planned.plan.label} any more`);
    await writeMarker(place, `restore of ${this.source.stanza}`);
    await discardIncoming(place);
    const { incomingDir, serverStateDir } = filesOf(place);
    const { server, recovered, shortOf } = await restoreToScratch(
      engine,
      {
        ...{ binDir: place.binDir, osUser: place.osUser, dataDir: incomingDir },
        runDir: join(dirname(place.runDir), 'scratch'),
        logFile: join(serverStateDir, 'scratch.log'),
      },
      {
        ...{ backup, timeline: planned.plan.timeline, target: planned.plan.recovery, processes: 2 },
        ...(planned.plan.leastLsn === undefined ? {} : { leastLsn: planned.plan.leastLsn }),
        signal: report.signal,
        onProgress: ({ percent }) => {
          if (percent !== null) report.step(`restoring ${backup.label}: ${percent.toFixed(0)} %`);
        },
        onStep: (words) => report.step(words),
      },
    );
    await server.stop();
    await adoptIncoming(place);
    const upTo = recovered.lastCommitMs === null ? '' : `, up to ${momentWords(recovered.lastCommitMs)}`;
    // Nothing else may be left: what can be had is put in place, and what is not in it is said.
    return this.found(`${backup.label}${upTo}${shortOf === null ? '' : `. NOT ALL OF IT: ${shortOf}`}`);
  }

  /** The backup that a confirmed restore reads is the one that is left to it; another one may go half-way through. */
  private async confirmed({ target, way }: Pick<RestoreClusterRequest, 'target' | 'way'>, nowMs: number) {
    const planned = await this.plan(target, nowMs);
    if (!planned.ok) {
      const { message, nearest } = planned.refusal;
      const hint =
        nearest.length > 0 ? `The nearest possible: ${nearest.map(({ words }) => words).join(', ')}.` : '';
      throw new QuantaError('REFUSED', message, hint ? { hint } : {});
    }
    const other = otherWay(way, wayOf(planned.plan));
    if (other) throw new QuantaError('REFUSED', other, { hint: restoreAnew });
    return planned;
  }

  /** What a data directory that was restored, now or before a crash, is. */
  async found(words: string): Promise<RestoredData> {
    const control = await readControlData(this.place);
    return {
      systemIdentifier: control.systemIdentifier,
      timeline: control.checkpointTimeline,
      words,
      parameters: await this.parameters(),
    };
  }

  private async parameters(): Promise<Record<string, string>> {
    const text = await readFile(join(this.place.dataDir, 'quantadb.conf'), 'utf8').catch(() => '');
    return parametersIn(text);
  }

  /** Null: it is reached from here like any directory, or bucket. */
  private async repositoryHost(): Promise<RemoteServer | null> {
    const { repository, reach } = this.source;
    const { place } = this;
    if (repository.type !== 'host' || repository.host === place.nodeName) return null;
    if (!reach)
      throw new QuantaError('REFUSED', `the repository is on the disk of ${repository.host}`, {
        hint: 'Restore there, with --path, or make its directory known to this host.',
      });
    await copyCertificates(place);
    const { tlsDir } = filesOf(place);
    const files = {
      caFile: `${tlsDir}/ca.crt`,
      certFile: `${tlsDir}/host.crt`,
      keyFile: `${tlsDir}/host.key`,
    };
    return { ...reach, ...files };
  }

  private workDir(): string {
    return filesOf(this.place).backupWorkDir;
  }

  protected async engine(): Promise<BackupEngine> {
    const { place } = this;
    const repositoryHost = await this.repositoryHost();
    const own = { osUser: place.osUser, mode: 0o700 };
    await ensureOwnedDirectory(filesOf(place).serverStateDir, { ...own, mode: 0o711 });
    await ensureOwnedDirectory(this.workDir(), own);
    const configFile = `${this.workDir()}/restore.conf`;
    const { stanza, repository, secrets } = this.source;
    const text = renderConfiguration({
      ...{
        stanza,
        repository,
        repositoryHost,
        secrets,
        workDir: this.workDir(),
        databaseRole: superuserRole,
      },
      impact: backupImpactSchema.parse({}),
      servers: [
        { dataDir: filesOf(place).incomingDir, port: place.port, socketDir: place.runDir, remote: null },
      ],
    });
    await writeOwnedFile(configFile, text, { osUser: place.osUser, mode: 0o600 });
    return new PgBackRestEngine({
      ...{ program: backupProgram, configFile, workDir: this.workDir(), stanza, osUser: place.osUser },
    });
  }
}

/**
 * The size of a segment (pure), by what each backup says of its begin: its position, and the segment that this is in. A server
 * that was adopted may have been made with another size than the usual one, and a host without data has no other word of it.
 */
export function segmentBytesOf(backups: readonly Pick<StoredBackup, 'startLsn' | 'startWal'>[]): number {
  const found = segmentSizes.find((bytes) =>
    backups.every(
      ({ startLsn, startWal }) => walFileName(1, parseLsn(startLsn), bytes).slice(8) === startWal.slice(8),
    ),
  );
  return found ?? (segmentSizes[0] as number);
}

/** The programs of one release cannot start the data of another (pure); found out here, and not after hours. */
export function whyOtherRelease(version: string | null): { message: string; hint: string } | null {
  if (version === null || Number.parseInt(version, 10) === supportedMajorVersion) return null;
  return {
    message: `the repository holds a database of PostgreSQL ${version}, and this host runs PostgreSQL ${supportedMajorVersion}`,
    hint: `Restore on a host with PostgreSQL ${version}.`,
  };
}

/** The settings of a quantadb.conf that people may make (pure). */
export function parametersIn(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const match of text.matchAll(/^([a-z_][a-z0-9_.]*) = '((?:[^'\\]|''|\\\\)*)'$/gm)) {
    const [, name = '', value = ''] = match;
    if (!isOwnedSetting(name)) found[name] = value.replaceAll("''", "'").replaceAll('\\\\', '\\');
  }
  return found;
}
