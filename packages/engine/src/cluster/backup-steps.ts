import { configFor } from '../backup/repositories.ts';
import { holdNote, personNote } from '../backup/retention.ts';
import type { BackupRequest, BackupWork, RepositorySecrets } from '../contract/backup.ts';
import { backupRequestSchemas, backupWorkSchema } from '../contract/backup.ts';
import type { Member } from '../contract/cluster-state.ts';
import { type Clock, systemClock } from '../shared/clock.ts';
import { pollUntil } from '../shared/deadline.ts';
import { messageOf, QuantaError } from '../shared/errors.ts';
import { jobWords } from './apply-backup.ts';
import { openWay, preparation, takingPart } from './backup-way-steps.ts';
import type { Commander } from './commander.ts';
import { areAtHand, givenParams } from './given-secrets.ts';
import { whyNotMarked } from './marking.ts';
import { dataMembers } from './membership.ts';
import type { StepContext, StepHandler } from './operation-runner.ts';
import type { Peers } from './peer-protocol.ts';
import { configAfter } from './plan-backup.ts';
import { setPoint } from './restore-point.ts';
import { memberOf, submitOrRefuse } from './step-helpers.ts';

export interface BackupStepResources {
  commander: Commander;
  peers: Peers;
  clock?: Clock;
  /** Those that were given with an operation; they live in this process only until they are agreed on. */
  backupSecrets(operation: string): RepositorySecrets | null;
}

const askDeadlineMs = 15_000;
const repositoryDeadlineMs = 180_000;
const setUpDeadlineMs = 30_000;
const closeDeadlineMs = 120_000;

/** The steps of operations about backups, in the order of `backupOperationSteps`. */
export function backupHandlers(resources: BackupStepResources): Record<BackupRequest['kind'], StepHandler[]> {
  return new BackupSteps(resources).handlers();
}

class BackupSteps {
  private readonly resources: BackupStepResources;
  private readonly clock: Clock;

  constructor(resources: BackupStepResources) {
    this.resources = resources;
    this.clock = resources.clock ?? systemClock;
  }

  handlers(): Record<BackupRequest['kind'], StepHandler[]> {
    return {
      'configure-backup': [
        this.checkHosts,
        this.prepareRepository,
        this.agree,
        this.setUpArchiving,
        this.proveArchiving,
      ],
      'start-backup': [this.startBackup],
      'cancel-backup': [this.cancelBackup],
      'close-look': [this.closeLook],
      'create-restore-point': [this.createRestorePoint],
      'hold-backup': [this.holdBackup],
      'note-backup': [this.noteBackup],
    };
  }

  private checkHosts: StepHandler = async (context) => {
    const state = context.state();
    const versions = new Map<string, string[]>();
    await this.refuseWhileOwed(context);
    for (const member of takingPart(state, this.configOf(context))) {
      const node = await this.ask(context, member, 'backup-node');
      if (node.problem !== null) throw new QuantaError('REFUSED', `${member.name}: ${node.problem}`);
      versions.set(node.program, [...(versions.get(node.program) ?? []), member.name]);
    }
    if (versions.size <= 1) return `pgBackRest ${[...versions.keys()].join()} on every node`;
    const words = [...versions].map(([version, names]) => `${version} on ${names.join(', ')}`);
    throw new QuantaError('REFUSED', `the nodes have different versions of pgBackRest: ${words.join('; ')}`, {
      hint: 'Install the same version everywhere: a repository is written by one version at a time.',
    });
  };

  /** What is owed to the others may be in this one alone. */
  private async refuseWhileOwed(context: StepContext): Promise<void> {
    const { number, takeOff } = configureRequestOf(context.operation.params);
    if (!takeOff) return;
    const { owed = [] } = await this.ask(context, this.primary(context), 'backup-node');
    const other = owed.find(({ repository }) => repository !== number);
    if (other)
      throw new QuantaError(
        'REFUSED',
        `repository ${other.repository} is owed ${other.segments} segments, which may be in repository ${number} only`,
        { hint: 'Wait until it is paid (quantadb backup list); give it another place when it is lost.' },
      );
  }

  private prepareRepository: StepHandler = async (context) => {
    const state = context.state();
    const { number = 1, takeOff } = configureRequestOf(context.operation.params);
    if (takeOff) return 'what it holds stays there';
    const config = configFor(this.configOf(context), number);
    if (!config) throw new QuantaError('REFUSED', `there is no repository ${number}`);
    const asked = { peers: this.resources.peers, state, config };
    await openWay(asked);
    const { member, servers } = await preparation(asked, this.primary(context));
    const prepared = await this.resources.peers.call(member, 'prepare-repository', {
      input: { clusterId: state.clusterId, config, servers },
      deadlineMs: repositoryDeadlineMs,
    });
    if (!prepared.ok) throw new QuantaError('REFUSED', prepared.reason);
    return `stanza ${config.stanza}`;
  };

  private agree: StepHandler = async (context) => {
    const config = this.configOf(context);
    const { commander } = this.resources;
    await submitOrRefuse(commander, { kind: 'set-backup', config, by: context.operation.requestedBy });
    // An idle database fills no segment: without this, what it wrote last would never reach the repository.
    const parameters = { archive_timeout: `${config.archiveTimeoutSeconds}s` };
    await submitOrRefuse(commander, { kind: 'set-parameters', parameters });
    return `${config.schedules.length} schedules, WAL at least every ${config.archiveTimeoutSeconds} s`;
  };

  private setUpArchiving: StepHandler = async (context) => {
    const config = context.state().backup?.config ?? null;
    const wanted = config?.revision ?? 0;
    let late: string[] = [];
    const isSetUp = async () => {
      const members = config ? takingPart(context.state(), config) : dataMembers(context.state());
      const seen = await Promise.all(members.map((member) => this.revisionOf(context, member)));
      late = members.filter((_, at) => seen[at] !== wanted).map(({ name }) => name);
      return late.length === 0 ? true : undefined;
    };
    const limits = { timeoutMs: setUpDeadlineMs, intervalMs: 200, signal: context.signal, clock: this.clock };
    try {
      await pollUntil(isSetUp, { what: 'archiving on every node', ...limits });
      return 'on every node';
    } catch (error) {
      if (context.signal.aborted || late.includes(context.state().reign.primary ?? '')) throw error;
      return `not on ${late.join(', ')} yet: they follow when they are back`;
    }
  };

  private proveArchiving: StepHandler = async (context) => {
    const { number = 1, takeOff } = configureRequestOf(context.operation.params);
    const input = { clusterId: context.state().clusterId, repository: takeOff ? 1 : number };
    const primary = this.primary(context);
    const proven = await this.resources.peers.call(primary, 'prove-archiving', {
      input,
      deadlineMs: repositoryDeadlineMs,
    });
    if (!proven.ok) throw new QuantaError('REFUSED', `WAL does not arrive: ${proven.reason}`);
    return `a segment of ${primary.name} has arrived`;
  };

  private startBackup: StepHandler = async (context) => {
    const work = workOf(context.operation.params);
    const { requestedBy, reason } = context.operation;
    // The operation's own name: a decider that takes over here does not begin it twice.
    const job = {
      id: context.operation.id,
      work,
      trigger: 'person' as const,
      scheduleId: null,
      requestedBy,
      reason,
    };
    const isDone = context.state().backup?.pastJobs.some((past) => past.id === job.id);
    if (!isDone)
      await submitOrRefuse(this.resources.commander, { kind: 'begin-backup-job', job, serves: [] });
    return `${jobWords(job)} begins; see quantadb backup list`;
  };

  private cancelBackup: StepHandler = async (context) => {
    const state = context.state();
    const job = state.backup?.job;
    if (!job) return 'it has ended already';
    const why = `cancelled by ${context.operation.requestedBy}`;
    const node = state.members[job.node ?? ''];
    // Work that waits runs nowhere: the node that it ran on before may be gone for good.
    if (node && job.state === 'running') {
      const input = { clusterId: state.clusterId, id: job.id, why };
      await this.resources.peers.call(node, 'cancel-backup-job', { input, deadlineMs: askDeadlineMs });
    }
    await submitOrRefuse(this.resources.commander, {
      ...{ kind: 'end-backup-job', id: job.id, state: 'cancelled', detail: why, warnings: [], result: null },
    });
    return why;
  };

  private closeLook: StepHandler = async (context) => {
    const state = context.state();
    const looked = state.backup?.pastJobs.findLast((job) => job.result?.kind === 'look')?.result;
    const node = looked?.kind === 'look' ? state.members[looked.look.node] : undefined;
    if (!node) return 'none is open';
    const input = { clusterId: state.clusterId };
    await this.resources.peers.call(node, 'close-look', { input, deadlineMs: closeDeadlineMs });
    return `${node.name} has closed it`;
  };

  private createRestorePoint: StepHandler = async (context) =>
    (await setPoint(this.resources, context, String(context.operation.params.name))).words;

  private holdBackup: StepHandler = async (context) => {
    const hasNote = await this.annotate(context, holdNote);
    return hasNote ? 'it is never removed' : 'retention may remove it again';
  };

  private noteBackup: StepHandler = async (context) => {
    const hasNote = await this.annotate(context, personNote);
    return hasNote ? 'it is stored with the backup' : 'it was taken away';
  };

  private async annotate(context: StepContext, name: string): Promise<boolean> {
    const { label, note } = context.operation.params;
    const notes = { [name]: note === null ? '' : String(note) };
    const input = { clusterId: context.state().clusterId, label: String(label), notes };
    const primary = this.primary(context);
    refuseUnmarkable(context);
    await this.resources.peers.call(primary, 'annotate-backup', { input, deadlineMs: askDeadlineMs });
    // What was given to a node at this very moment may have read the list before.
    refuseUnmarkable(context);
    return note !== null;
  }

  private primary(context: StepContext): Member {
    const state = context.state();
    return memberOf(state, state.reign.primary ?? '');
  }

  private ask(context: StepContext, member: Member, method: 'backup-node') {
    const input = { clusterId: context.state().clusterId };
    return this.resources.peers.call(member, method, { input, deadlineMs: askDeadlineMs });
  }

  private async revisionOf(context: StepContext, member: Member): Promise<number | null> {
    try {
      return (await this.ask(context, member, 'backup-node')).configRevision;
    } catch (error) {
      await context.progress(`${member.name} does not answer: ${messageOf(error)}`);
      return null;
    }
  }

  private configOf(context: StepContext) {
    const { id, params } = context.operation;
    const request = configureRequestOf(params);
    const given = this.resources.backupSecrets(id);
    // Without this the ones of before would be agreed on again, and that would be called a success.
    if (!areAtHand(params, given))
      throw new QuantaError('REFUSED', 'the secrets that were given with it are not known here any more', {
        hint: 'Only the daemon that led the cluster then had them, in memory. Nothing was agreed on: ask anew and give them again.',
      });
    const config = configAfter(context.state(), { ...request, secrets: given });
    if (!config) throw new QuantaError('REFUSED', 'no repository was named');
    const own = configFor(config, request.takeOff ? 1 : (request.number ?? 1));
    const { repository, secrets } = own ?? config;
    const lacksKeys = repository.type === 's3' && (secrets.s3Key === null || secrets.s3KeySecret === null);
    if (!lacksKeys && (!repository.encrypted || secrets.cipherPass !== null)) return config;
    throw new QuantaError('REFUSED', 'the secrets of the repository are missing', {
      hint: 'They are kept by the process that was asked only; ask again and give them.',
    });
  }
}

function refuseUnmarkable(context: StepContext): void {
  const why = whyNotMarked(context.state());
  if (why) throw new QuantaError('REFUSED', why);
}

type Params = StepContext['operation']['params'];
type ConfigureRequest = Extract<BackupRequest, { kind: 'configure-backup' }>;

/** Stored with the operation as text: its secrets are not in it. */
export function configureParams(request: ConfigureRequest): Params {
  const { secrets, ...shown } = request;
  return { settings: JSON.stringify(shown), ...givenParams(secrets) };
}

/** Flat, as every operation is stored. */
export function workParams(work: BackupWork): Params {
  return work.kind === 'look' ? { kind: work.kind, target: JSON.stringify(work.target) } : { ...work };
}

function workOf({ kind, type, target, repository }: Params): BackupWork {
  const given = target === undefined ? {} : { target: JSON.parse(String(target)) };
  return backupWorkSchema.parse({ kind, type, repository, ...given });
}

function configureRequestOf(params: Params): ConfigureRequest {
  const [schema] = backupRequestSchemas;
  return schema.parse(JSON.parse(String(params.settings)));
}
