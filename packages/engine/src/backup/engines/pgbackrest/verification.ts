import type { Verification } from '../../engine.ts';

/**
 * Reads what `pgbackrest verify --output=text --verbose` says (pure). Its exit code is 0 whatever it finds, so only the
 * text counts; a text that is not understood is a failed verification, never a passed one.
 */

const counters = ['missing', 'checksum invalid', 'size invalid', 'other'] as const;
const backupLine = /^backup: (\S+), status: (.+?), total files checked: (\d+), total valid files: (\d+)$/;

/** What the program takes for a backup that runs: a directory with no manifest but the copy that is written at the beginning. */
export function labelsInProgress(report: string): string[] {
  const found = report.split('\n').map((line) => backupLine.exec(line.trim()));
  return found.flatMap((match) => (match?.[1] && match[2] === 'in-progress' ? [match[1]] : []));
}

/**
 * @param report standard output
 * @param log standard error at level `info`: names the damaged files
 * @param unfinished backups that were never made to the end: what there is of them is no part of the repository
 */
export function parseVerification(
  report: string,
  log: string,
  unfinished: readonly string[] = [],
): Verification {
  const lines = report.split('\n').map((line) => line.trim());
  const status = lines.find((line) => line.startsWith('status: '))?.slice('status: '.length);
  const result: Verification = {
    ok: false,
    wal: { checked: 0, valid: 0, problems: [] },
    backups: [],
    other: [],
  };
  let current: string[] = result.other;
  for (const line of lines) {
    const archive = /^archiveId: (\S+), total WAL checked: (\d+), total valid WAL: (\d+)$/.exec(line);
    const backup = backupLine.exec(line);
    if (archive) {
      result.wal.checked += Number(archive[2]);
      result.wal.valid += Number(archive[3]);
      current = result.wal.problems;
    } else if (backup?.[1] && unfinished.includes(backup[1])) {
      current = [];
    } else if (backup) {
      const problems = backup[2] === 'valid' ? [] : [`the backup is ${backup[2]}`];
      result.backups.push({
        label: backup[1] ?? '',
        ok: false,
        checked: Number(backup[3]),
        valid: Number(backup[4]),
        problems,
      });
      current = problems;
    } else current.push(...countedProblems(line));
  }
  addNamedFiles(result, log, unfinished);
  addErrors(result, log);
  if (status === undefined) result.other.push('pgBackRest gave no status');
  else if (status !== 'ok') result.other.push(`pgBackRest says: ${status}`);
  return judged(result);
}

/** `missing: 0, checksum invalid: 1`, each that is not zero. */
function countedProblems(line: string): string[] {
  if (!/^[a-z ]+: \d+(, [a-z ]+: \d+)*$/.test(line)) return [];
  return line.split(', ').flatMap((part) => {
    const [name = '', value = '0'] = part.split(': ');
    const isCounter = counters.some((counter) => counter === name);
    return isCounter && Number(value) > 0 ? [`${name}: ${value}`] : [];
  });
}

/** `invalid checksum '15-1/0000000100000000/…'`, or `invalid result 15-1/…: [29] raised from …`. */
const namedFile =
  /^\s*(?:P\d+\s+)?(?:INFO|WARN|ERROR):\s*((?:invalid|missing|unable)[^'/]*?)\s+'?((?:\d{8}-\d{6}F|\d+-\d+)[^':]*)'?(?::\s*(.*))?$/gm;

function addNamedFiles(result: Verification, log: string, unfinished: readonly string[]): void {
  for (const [, what = '', path = '', detail] of log.matchAll(namedFile)) {
    const [first = ''] = path.split('/');
    if (unfinished.includes(first)) continue;
    const backup = result.backups.find((each) => each.label === first);
    const inside = backup ? path.slice(first.length + 1) : (path.split('/').at(-1) ?? path);
    const words = `${what}: ${inside}${detail ? ` (${detail.replace(/^\[\d+\] raised from \S+ protocol: /, '')})` : ''}`;
    (backup?.problems ?? result.wal.problems).push(words.slice(0, 400));
  }
}

function addErrors(result: Verification, log: string): void {
  for (const line of log.split('\n')) {
    const match = /^\s*(?:P\d+\s+)?ERROR:\s*(.*)$/.exec(line);
    if (match?.[1]) result.other.push(match[1]);
  }
}

/** The files by their names say more than how many they are; of a file of another backup the program gives no name. */
function worded(problems: string[]): string[] {
  const named = problems.filter((problem) => !isGeneral(problem));
  if (named.length > 0) return named;
  return problems.includes('the backup is invalid') ? [unnamed] : problems;
}

const unnamed = 'it needs a file that is missing or damaged, its own or of a backup it is built on';
const unreadable = 'its manifest cannot be read, and neither can the copy of it';

/** Without its manifest nobody knows which files a backup has: none is looked at, and none is named. */
function wordedBackup({ problems, checked }: Verification['backups'][number]): string[] {
  const words = worded(problems);
  return checked === 0 && words[0] === unnamed ? [unreadable] : words;
}

function isGeneral(problem: string): boolean {
  return problem === 'the backup is invalid' || countedProblems(problem).length > 0;
}

function judged(found: Verification): Verification {
  const isNamed = [found.wal, ...found.backups].some(({ problems }) => problems.length > 0);
  const result = {
    ...found,
    wal: { ...found.wal, problems: worded(found.wal.problems) },
    // Its word for all of it, when what it is about was named.
    other: found.other.filter((each) => !isNamed || !each.startsWith('pgBackRest says: ')),
  };
  const backups = found.backups.map((backup) => {
    const ok = backup.problems.length === 0 && backup.checked === backup.valid;
    return { ...backup, ok, problems: wordedBackup(backup) };
  });
  const isWalGood = result.wal.problems.length === 0 && result.wal.checked === result.wal.valid;
  const ok = isWalGood && result.other.length === 0 && backups.every((backup) => backup.ok);
  return { ...result, backups, ok };
}
