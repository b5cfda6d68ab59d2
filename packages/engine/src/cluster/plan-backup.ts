import { hostRepositoryOf, whyNotHost } from '../backup/host-way.ts';
import { configFor, isSamePlace, numbersOf, repositoryOfWork } from '../backup/repositories.ts';
import { drillSchedule, scheduleProblem } from '../backup/schedule.ts';
import {
  type BackupConfig,
  type BackupRequest,
  type BackupWork,
  backupImpactSchema,
  type RepositorySecrets,
  repositorySecretsSchema,
  retentionSchema,
} from '../contract/backup.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import type { RestoreClusterRequest } from '../contract/restore.ts';
import { drillSlot, jobWords } from './apply-backup.ts';
import { whyNotMarked } from './marking.ts';
import type { PlanBody, PlanInput } from './plan-body.ts';

/** What operations about backups would do (pure). */

export const backupOperationSteps = {
  'configure-backup': [
    'Check the hosts',
    'Make the repository ready',
    'Agree on the settings',
    'Set up archiving on every node',
    'Prove that WAL arrives',
  ],
  'start-backup': ['Begin it'],
  'cancel-backup': ['Cancel it'],
  'close-look': ['Close it'],
  'create-restore-point': ['Write it into the WAL'],
  'hold-backup': ['Mark the backup'],
  'note-backup': ['Mark the backup'],
} as const;

export function planBackup(input: PlanInput, base: PlanBody, request: BackupRequest): PlanBody {
  const { state } = input;
  switch (request.kind) {
    case 'configure-backup':
      return planConfigure(state, base, request);
    case 'start-backup':
      return {
        ...base,
        summary: `Begin ${jobWords({ work: request.work })}.`,
        refusal: base.refusal ?? whyNotStart(state, request.work),
      };
    case 'cancel-backup': {
      const job = state?.backup?.job;
      const refusal = job ? null : 'No backup, verification or drill runs.';
      return {
        ...base,
        summary: job ? `Cancel ${jobWords(job)}.` : 'Cancel.',
        refusal: base.refusal ?? refusal,
      };
    }
    case 'close-look':
      return { ...base, summary: 'Close the scratch server, and remove its copy.', refusal: base.refusal };
    case 'create-restore-point': {
      const isTaken = state?.backup?.points.some((point) => point.name === request.name) ?? false;
      const refusal = isTaken
        ? `There is a restore point "${request.name}" already: choose another name.`
        : null;
      return {
        ...base,
        summary: `Set the restore point "${request.name}".`,
        warnings: state?.backup?.config ? [] : ['Without a backup repository nothing can be restored to it.'],
        refusal: base.refusal ?? refusal,
      };
    }
    case 'hold-backup': {
      const summary =
        request.note === null ? `Let ${request.label} go by retention again.` : `Hold ${request.label}.`;
      return { ...base, summary, refusal: base.refusal ?? whyNoMark(state) };
    }
    case 'note-backup': {
      const { label, note } = request;
      const summary = note === null ? `Take the note of ${label} away.` : `Note on ${label}: ${note}`;
      return { ...base, summary, refusal: base.refusal ?? whyNoMark(state) };
    }
  }
}

/** The way to the moment itself is planned by the host that looks into the repository. */
export function restoreWords(
  request: RestoreClusterRequest,
  self: string,
): Pick<PlanBody, 'summary' | 'warnings'> {
  const { cluster, source } = request;
  return {
    summary: `Found cluster ${cluster} on ${self} with what ${source.stanza} has left in its repository.`,
    warnings: [
      `${cluster} archives nothing until it has a repository of its own: quantadb backup configure.`,
      'If the cluster it came from still runs, both go on from the same data, apart from each other.',
    ],
  };
}

type ConfigureRequest = Extract<BackupRequest, { kind: 'configure-backup' }>;

function planConfigure(state: ClusterState | null, base: PlanBody, request: ConfigureRequest): PlanBody {
  const before = state?.backup?.config ?? null;
  const after = state ? configAfter(state, request) : null;
  const drills =
    request.drills === 'off' || request.drills === null ? [] : [drillSchedule(request.drills, drillSlot)];
  const problem =
    [...(request.schedules ?? []), ...drills].map(scheduleProblem).find((each) => each !== null) ?? null;
  const ids = request.schedules?.map((schedule) => schedule.id) ?? [];
  const isDoubled = new Set(ids).size < ids.length;
  let refusal = base.refusal ?? problem;
  if (!refusal && isDoubled) refusal = 'Two schedules have the same name.';
  if (!refusal && state && !after)
    refusal = 'There is no repository yet: name one with --path or --s3-bucket.';
  if (!refusal && state?.reign.primary == null)
    refusal = 'There is no primary right now. See: quantadb status.';
  if (!refusal && state) refusal = whyNoHost(state, after) ?? whyNotSeveral(state, request, after);
  const number = request.number ?? 1;
  const known = before && configFor(before, number);
  const moves = known !== null && request.repository !== null;
  const own = after && configFor(after, number);
  const where = own ? placeWords(own) : '';
  return {
    ...base,
    summary: configureWords(request, { isFirst: before === null, isNew: known === null, where }),
    warnings: [
      ...(moves
        ? [
            'What the repository of before holds stays there; moments before the first backup in the new one can only be restored from it.',
          ]
        : []),
      ...(own?.repository.type === 'posix' && Object.keys(state?.members ?? {}).length > 1
        ? [
            'The directory must be the same storage on every host: a backup on one machine’s own disk is lost with it.',
          ]
        : []),
      ...hostWarnings(state, after, number),
      ...(own && !own.repository.encrypted ? ['The repository is not encrypted.'] : []),
      ...(after && after.schedules.length === 0
        ? ['No schedule is set: backups are made by hand only.']
        : []),
    ],
    refusal,
  };
}

function configureWords(
  { takeOff, number = 1 }: ConfigureRequest,
  { isFirst, isNew, where }: { isFirst: boolean; isNew: boolean; where: string },
): string {
  if (takeOff) return `Take repository ${number} off: nothing goes there any more.`;
  if (isFirst) return `Back up to ${where}.`;
  if (number === 1) return `Change the backup settings; backups go to ${where}.`;
  return isNew
    ? `Add repository ${number}: ${where} gets all WAL from now on, and backups of its own.`
    : `Change repository ${number}, which is ${where}.`;
}

/** What a further repository must be, and what several need. */
function whyNotSeveral(
  state: ClusterState,
  { number = 1, takeOff = false, repository, schedules }: ConfigureRequest,
  after: BackupConfig | null,
): string | null {
  const before = state.backup?.config ?? null;
  const numbers = after ? numbersOf(after) : [];
  const isAbout = number > 1 || takeOff || (schedules ?? []).some((each) => each.repository !== undefined);
  if (isAbout && (state.level ?? 1) < 8)
    return 'Several repositories need every daemon of the cluster to be of this release. See: quantadb status.';
  if (takeOff && number === 1)
    return 'Repository 1 is not taken off: give it another place, which the others fill.';
  if (takeOff && before && !configFor(before, number)) return `There is no repository ${number}.`;
  if (number > 1 && !before) return 'Set the first repository first.';
  if (number > 1 && !takeOff && before && !configFor(before, number) && repository === null)
    return `There is no repository ${number} yet: name its place with --path or --s3-bucket.`;
  if (number > 1 && repository?.type === 'host' && (state.level ?? 1) < 9)
    return 'A further repository on a host needs every daemon of the cluster to be of this release. See: quantadb status.';
  const named = (schedules ?? after?.schedules ?? []).map((each) => each.repository);
  const unknown = named.find((each) => typeof each === 'number' && !numbers.includes(each));
  if (unknown !== undefined)
    return `A schedule names repository ${unknown}, which there is not: give other schedules.`;
  const places = after ? [after.repository, ...(after.further ?? []).map((each) => each.repository)] : [];
  const isDoubled = places.some((each, at) => places.slice(0, at).some((other) => isSamePlace(each, other)));
  if (places.filter(({ type }) => type === 'host').length > 1)
    return 'Only one of the repositories is on the disk of a host: make the others directories or buckets.';
  return isDoubled ? 'Two repositories would be in the same place.' : null;
}

/** The cluster's level is looked at here too: a plan that could not be carried out is none. */
function whyNoHost(state: ClusterState, config: BackupConfig | null): string | null {
  const repository = hostRepositoryOf(config);
  if (!repository) return null;
  if ((state.level ?? 1) < 7)
    return 'A repository on a host needs every daemon of the cluster to be of this release. See: quantadb status.';
  return whyNotHost(state, repository);
}

/** Of the repository that is asked about; one that only stands beside it was agreed on before. */
function hostWarnings(state: ClusterState | null, after: BackupConfig | null, number: number): string[] {
  const repository = hostRepositoryOf(after && configFor(after, number));
  const member = repository && state?.members[repository.host];
  if (!member || !after) return [];
  const others = Object.values(state.members).filter(
    ({ name, kind }) => kind === 'data' && name !== member.name,
  );
  const opened = others.length === 0 ? [] : [portWords(repository.port)];
  const lost =
    numbersOf(after).length > 1
      ? `all that repository ${number} holds; the other repositories are not touched by it`
      : 'every backup and all archived WAL. A second repository in another place outlives it';
  return [
    ...opened,
    `Losing ${member.name} or its disk loses ${lost}.`,
    ...(member.kind === 'witness'
      ? []
      : [
          `${member.name} also holds the data: one of its copies is lost with it. A host without data is safer.`,
        ]),
  ];
}

const portWords = (port: number) =>
  `The hosts reach each other on port ${port} (on one that shares its address with others, on a higher one).`;

function placeWords({ repository }: BackupConfig): string {
  switch (repository.type) {
    case 'posix':
      return `the directory ${repository.path}`;
    case 's3':
      return `the bucket ${repository.bucket} at ${repository.endpoint}`;
    case 'host':
      return `${repository.path} on ${repository.host}`;
  }
}

/** The settings with what the request changes in them; null while there is no repository. */
export function configAfter(
  state: Pick<ClusterState, 'name' | 'backup'>,
  request: Omit<ConfigureRequest, 'kind'>,
): BackupConfig | null {
  const before = state.backup?.config ?? null;
  if (request.takeOff || (request.number ?? 1) > 1) return before && furtherAfter(before, request);
  const repository = request.repository ?? before?.repository;
  if (!repository) return null;
  const drills = request.drills === 'off' ? null : (request.drills ?? before?.drills ?? null);
  return {
    stanza: before?.stanza ?? state.name,
    revision: (before?.revision ?? 0) + 1,
    repository,
    secrets: secretsAfter(before?.secrets, request.secrets),
    impact: request.impact ?? before?.impact ?? backupImpactSchema.parse({}),
    schedules: request.schedules ?? before?.schedules ?? [],
    retention: request.retention ?? before?.retention ?? retentionSchema.parse({}),
    drills,
    archiveTimeoutSeconds: request.archiveTimeoutSeconds ?? before?.archiveTimeoutSeconds ?? 60,
    ...(before?.further ? { further: before.further } : {}),
  };
}

/** Of a further one its place, its secrets and its retention; everything else counts for all of them. */
function furtherAfter(before: BackupConfig, request: Omit<ConfigureRequest, 'kind'>): BackupConfig {
  const { number = 1 } = request;
  const { further = [], ...rest } = before;
  const known = further.find((each) => each.number === number);
  const others = further.filter((each) => each.number !== number);
  const repository = request.repository ?? known?.repository;
  const changed =
    request.takeOff || !repository
      ? others
      : [
          ...others,
          {
            ...{ number, repository },
            secrets: secretsAfter(known?.secrets, request.secrets),
            retention: request.retention ?? known?.retention ?? before.retention,
          },
        ].sort((left, right) => left.number - right.number);
  return {
    ...rest,
    revision: before.revision + 1,
    impact: request.impact ?? before.impact,
    schedules: request.schedules ?? before.schedules,
    drills: request.drills === 'off' ? null : (request.drills ?? before.drills),
    archiveTimeoutSeconds: request.archiveTimeoutSeconds ?? before.archiveTimeoutSeconds,
    ...(changed.length === 0 ? {} : { further: changed }),
  };
}

/** What is not given stays: nobody has to know the passphrase to change the key of the bucket. */
export function secretsAfter(
  before: RepositorySecrets | undefined,
  given: RepositorySecrets | null,
): RepositorySecrets {
  const known = before ?? repositorySecretsSchema.parse({});
  return {
    cipherPass: given?.cipherPass ?? known.cipherPass,
    s3Key: given?.s3Key ?? known.s3Key,
    s3KeySecret: given?.s3KeySecret ?? known.s3KeySecret,
  };
}

function whyNoRepository(state: ClusterState | null): string | null {
  return state?.backup?.config
    ? null
    : 'This cluster has no backup repository. Set one: quantadb backup configure --path <directory>.';
}

function whyNoMark(state: ClusterState | null): string | null {
  return whyNoRepository(state) ?? (state && whyNotMarked(state));
}

function whyNotStart(state: ClusterState | null, work: BackupWork): string | null {
  const job = state?.backup?.job;
  const config = state?.backup?.config;
  const number = repositoryOfWork(work);
  return (
    whyNoRepository(state) ??
    (config && !configFor(config, number) ? `There is no repository ${number}.` : null) ??
    (job ? `${jobWords(job)} runs already: wait for its end, or quantadb backup cancel.` : null)
  );
}
