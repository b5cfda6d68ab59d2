import {
  type Config,
  type ConfigureIntent,
  type Draft,
  placeProblems,
  repositoryOf,
  retentionOf,
  same,
  secretsOf,
} from './draft.ts';

/** Repositories beside the first one (pure): each has a place, secrets and a retention of its own; the rest counts for all. */

export type Further = NonNullable<Config['further']>[number];

/** As many as a cluster may have in all. */
const repositoriesMax = 4;

const untouched = {
  ...{ impact: null, schedules: null, drills: null, archiveTimeoutSeconds: null },
} satisfies Partial<ConfigureIntent>;

/** The lowest number that is free; null: there are as many as there may be. */
export function nextNumber({ further = [] }: Pick<Config, 'further'>): number | null {
  for (let number = 2; number <= repositoriesMax; number += 1)
    if (!further.some((each) => each.number === number)) return number;
  return null;
}

/** The settings as that repository sees them; null: it is not there yet. */
export function seenFrom(config: Config, number: number): Config | null {
  const known = config.further?.find((each) => each.number === number);
  return known ? { ...config, repository: known.repository, retention: known.retention } : null;
}

/** What the cluster is asked for; null: nothing differs, or something is wrong with it. */
export function furtherChangeOf(
  draft: Draft,
  { known, number }: { known: Config | null; number: number },
): { problems: string[]; intent: ConfigureIntent | null } {
  const retention = retentionOf(draft);
  const problems = [
    ...placeProblems(draft, known),
    ...(retention ? [] : ['Retention takes whole numbers: at least one full backup.']),
  ];
  if (problems.length > 0) return { problems, intent: null };
  const repository = repositoryOf(draft);
  const parts = {
    repository: draft.place === 'unknown' || same(repository, known?.repository) ? null : repository,
    secrets: secretsOf(draft),
    retention: same(retention, known?.retention) ? null : retention,
  };
  const isChanged = Object.values(parts).some((part) => part !== null);
  return {
    problems,
    intent: isChanged ? { kind: 'configure-backup', ...untouched, ...parts, number } : null,
  };
}

export function takeOffOf(number: number): ConfigureIntent {
  const nothing = { repository: null, secrets: null, retention: null };
  return { kind: 'configure-backup', ...untouched, ...nothing, number, takeOff: true };
}
