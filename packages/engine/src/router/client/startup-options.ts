import { commitModeSchema, commitModes } from '../../contract/own-durability.ts';
import { consistencyLevels } from '../../contract/router-settings.ts';
import { isSettingName } from '../classify/setting-name.ts';
import type { Consistency } from '../reads/consistency.ts';

export type ReplicationKind = 'none' | 'physical' | 'database';

/** What a client says of itself before it logs in, taken apart (pure). */
export interface StartupOptions {
  user: string;
  database: string;
  applicationName: string;
  /** `physical` is about no database: base backups, WAL as it is. */
  replication: ReplicationKind;
  /** For the server: by lower-case name. */
  settings: Map<string, string>;
  /** What came as `quantadb.split` and `quantadb.consistency`; null: as the router is set. */
  split: boolean | null;
  /** What the suffix of the database name it gave said; null: it had none. */
  splitBySuffix: boolean | null;
  consistency: Consistency | null;
  /** `quantadb.outcome`: what becomes of a COMMIT is found out when its answer is lost. */
  findsOutcomes: boolean;
  /** `_pq_.` options: nobody here knows any. */
  unknownProtocolOptions: string[];
}

export type StartupRefusal = { sqlState: string; message: string };

export const ownPrefix = 'quantadb.';
const settingsMax = 100;

export function readStartupOptions(
  parameters: ReadonlyMap<string, string>,
): { ok: true; options: StartupOptions } | { ok: false; refusal: StartupRefusal } {
  const user = parameters.get('user') ?? '';
  if (user === '') return refused('28000', 'no PostgreSQL user name specified in startup packet');
  const options: StartupOptions = {
    user,
    database: parameters.get('database') || user,
    applicationName: parameters.get('application_name') ?? '',
    replication: 'none',
    settings: new Map(),
    split: null,
    splitBySuffix: null,
    consistency: null,
    findsOutcomes: false,
    unknownProtocolOptions: [...parameters.keys()].filter((name) => name.startsWith('_pq_.')),
  };
  const replication = replicationKinds.find(([form]) => form.test(parameters.get('replication') ?? ''));
  if (!replication)
    return refused('22023', 'invalid value for parameter "replication": it is true, false or database');
  options.replication = replication[1];
  const given = readCommandLine(parameters.get('options') ?? '');
  if (!given)
    return refused('42601', 'the startup option "options" may only hold -c name=value and --name=value');
  const named = [...parameters].filter(([name]) => !notSettings.has(name) && !name.startsWith('_pq_.'));
  for (const [name, value] of [...given, ...named]) {
    const key = name.toLowerCase();
    if (key.startsWith(ownPrefix)) {
      const refusal = takeOwn(options, key.slice(ownPrefix.length), value);
      if (refusal !== null) return refused('22023', refusal);
      continue;
    }
    if (!isSettingName(key)) return refused('42704', `unrecognized configuration parameter "${name}"`);
    options.settings.set(key, value);
  }
  if (options.settings.size > settingsMax) return refused('54000', `more than ${settingsMax} settings`);
  return { ok: true, options };
}

/** As PostgreSQL reads a truth value, in any case; or `database`. */
const replicationKinds: [form: RegExp, kind: ReplicationKind][] = [
  [/^$|^(f|fa|fal|fals|false|of|off|n|no|0)$/i, 'none'],
  [/^(t|tr|tru|true|on|y|ye|yes|1)$/i, 'physical'],
  [/^database$/, 'database'],
];

/** Options to the router itself. @returns what is wrong with it */
function takeOwn(options: StartupOptions, name: string, value: string): string | null {
  const wrong = (allowed: string) => `quantadb.${name} is one of ${allowed}`;
  switch (name) {
    case 'split':
      if (value !== 'on' && value !== 'off') return wrong('on, off');
      options.split = value === 'on';
      return null;
    case 'consistency':
      options.consistency = consistencyLevels.find((level) => level === value) ?? null;
      return options.consistency === null ? wrong(consistencyLevels.join(', ')) : null;
    case 'outcome':
      if (value !== 'on' && value !== 'off') return wrong('on, off');
      options.findsOutcomes = value === 'on';
      return null;
    case 'durability': {
      const mode = commitModeSchema.safeParse(value);
      if (!mode.success) return wrong(commitModeSchema.options.join(', '));
      options.settings.set('synchronous_commit', commitModes[mode.data]);
      return null;
    }
    default:
      return `unrecognized option quantadb.${name}`;
  }
}

const notSettings = new Set(['user', 'database', 'options', 'replication']);

/** As PostgreSQL's pg_split_opts and getopt read it: words, a backslash before what is not to divide them. */
function readCommandLine(text: string): [string, string][] | null {
  const words = (text.match(/(?:\\.|[^\s\\])+/gs) ?? []).map((word) => word.replace(/\\(.)/gs, '$1'));
  const settings: [string, string][] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    let pair: string | undefined;
    if (word === '-c') pair = words[++i];
    else if (word.startsWith('-c')) pair = word.slice(2);
    else if (word.startsWith('--')) pair = word.slice(2);
    const equals = pair?.indexOf('=') ?? -1;
    if (pair === undefined || equals < 1) return null;
    settings.push([pair.slice(0, equals).replaceAll('-', '_'), pair.slice(equals + 1)]);
  }
  return settings;
}

function refused(sqlState: string, message: string): { ok: false; refusal: StartupRefusal } {
  return { ok: false, refusal: { sqlState, message } };
}
