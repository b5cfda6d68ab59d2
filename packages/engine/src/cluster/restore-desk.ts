import type { BackupHost } from '../backup/backup-host.ts';
import { lastVerificationOf, tellable } from '../backup/damage.ts';
import { guestRestoreMs } from '../backup/guest-restores.ts';
import { endpointOf, hostRepositoryOf } from '../backup/host-way.ts';
import { configFor } from '../backup/repositories.ts';
import { otherWay, wayOf } from '../backup/restore-way.ts';
import type { RepositorySecrets, RepositoryTest, RepositoryTested } from '../contract/backup.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import type { RestoreFacade } from '../contract/daemon-facade.ts';
import type {
  RestoreClusterRequest,
  RestoreInto,
  RestoreIntoPlan,
  RestoreIntoStart,
  RestorePlan,
  RestorePlanning,
  RestoreQuestion,
} from '../contract/restore.ts';
import type { Clock } from '../shared/clock.ts';
import { QuantaError } from '../shared/errors.ts';
import type { Commander } from './commander.ts';
import { whyTooNew } from './feature-level.ts';
import type { Peers } from './peer-protocol.ts';
import { tryEverywhere } from './repository-trial.ts';

export interface RestoreDeskOptions {
  state(): ClusterState | null;
  peers: Peers;
  commander: Pick<Commander, 'submit'>;
  clock: Clock;
  /** Null where there is no PostgreSQL. */
  backups: BackupHost | null;
}

const noteDeadlineMs = 5_000;
const planDeadlineMs = 10_000;
/** The host reads the repository before it founds anything. */
const startDeadlineMs = 18_000;
const noSecrets: RepositorySecrets = { cipherPass: null, s3Key: null, s3KeySecret: null };

/** What a restore would take; and restores of this cluster's moments onto a host that is in no cluster. */
export class RestoreDesk implements RestoreFacade {
  private readonly options: RestoreDeskOptions;

  constructor(options: RestoreDeskOptions) {
    this.options = options;
  }

  async plan({ source, target }: RestoreQuestion): Promise<RestorePlanning> {
    const { backups } = this.options;
    if (!backups?.holdsData) throw new QuantaError('REFUSED', 'a witness holds no data: ask another node');
    return source ? backups.planRestore(source, target) : backups.planOwnRestore(target);
  }

  async planInto({ host, cluster, target }: RestoreInto): Promise<RestoreIntoPlan> {
    const planning = await this.plan({ source: null, target });
    if (!planning.ok) return { planning, plan: null };
    const input = this.requestOf({ cluster, target }, planning.plan, noSecrets);
    const plan = await this.options.peers.call(host, 'plan', { input, deadlineMs: planDeadlineMs });
    return { planning, plan };
  }

  async startInto(start: RestoreIntoStart): Promise<{ operationId: string }> {
    const { host, cluster, target, planHash, way, requestedBy, reason } = start;
    const planning = await this.plan({ source: null, target });
    if (!planning.ok) throw new QuantaError('REFUSED', planning.refusal.message);
    const other = otherWay(way, wayOf(planning.plan));
    if (other) throw new QuantaError('REFUSED', other, { hint: 'Ask for the plan again and confirm it.' });
    const request = this.requestOf({ cluster, target }, planning.plan);
    await this.noteGuest(host.name, planning.plan);
    await this.admit(host.name, planning.plan.repository ?? 1);
    const input = { request, planHash, requestedBy, reason };
    return this.options.peers.call(host, 'start', { input, deadlineMs: startDeadlineMs });
  }

  tryRepository(test: RepositoryTest): Promise<RepositoryTested> {
    return tryEverywhere(this.options.state(), this.options.peers, test);
  }

  /**
   * Before the host looks into the repository: what it finds there stays until it has restored it. Without a majority no work on
   * backups begins either, and a restore elsewhere may be all that is left. While an earlier release is a member it cannot be noted,
   * and goes on as it did there: that member may be lost, and what is at stake is the restore alone.
   */
  private async noteGuest(host: string, { repository = 1, label }: RestorePlan): Promise<void> {
    const untilMs = this.options.clock.wallMs() + guestRestoreMs;
    const guest = { host, repository, label, untilMs };
    const { commander, state } = this.options;
    const note = { kind: 'note-guest-restore', guest } as const;
    if (whyTooNew(state(), note)) return;
    try {
      const noted = await commander.submit(note, noteDeadlineMs);
      if (!noted.ok) throw new QuantaError('REFUSED', `retention cannot be told of it: ${noted.reason}`);
    } catch (error) {
      const isAlone = error instanceof QuantaError && error.code === 'NO_QUORUM';
      if (!isAlone || state()?.backup?.job) throw error;
    }
  }

  /** A repository on the disk of a member gives nothing to a host that it was not told of. */
  private async admit(reader: string, number: number): Promise<void> {
    const state = this.options.state();
    const config = state?.backup?.config;
    const repository = hostRepositoryOf(config && configFor(config, number));
    const holder = state?.members[repository?.host ?? ''];
    if (!state || !holder) return;
    const input = { clusterId: state.clusterId, reader };
    const admitted = await this.options.peers.call(holder, 'admit-backup-reader', {
      input,
      deadlineMs: planDeadlineMs,
    });
    if (!admitted.ok) throw new QuantaError('REFUSED', `${holder.name}: ${admitted.reason}`);
  }

  /** With what this cluster knows, so that the host finds the same way as this one. */
  private requestOf(
    { cluster, target }: Pick<RestoreInto, 'cluster' | 'target'>,
    plan: RestorePlan,
    secrets?: RepositorySecrets,
  ): RestoreClusterRequest {
    const state = this.options.state();
    const backup = state?.backup;
    if (!backup?.config) throw new QuantaError('REFUSED', 'this cluster has no backup repository');
    const config = configFor(backup.config, plan.repository ?? 1);
    if (!config) throw new QuantaError('REFUSED', `there is no repository ${plan.repository} any more`);
    const { stanza, repository } = config;
    const commitMs = target.kind === 'xid' ? plan.endMs : null;
    const found = lastVerificationOf(backup.pastJobs, plan.repository ?? 1);
    const known = { points: backup.points, commitMs, verified: found && tellable(found) };
    const held = hostRepositoryOf(config);
    const holder = state?.members[held?.host ?? ''];
    const reach = state && held && holder ? { reach: endpointOf(state, holder, held) } : {};
    // The host that holds a repository keeps its passphrase to itself, and opens what it gives.
    const told = secrets ?? (held ? noSecrets : config.secrets);
    const source = { stanza, repository, secrets: told, known, ...reach };
    return { kind: 'restore-cluster', cluster, source, target, way: wayOf(plan) };
  }
}
