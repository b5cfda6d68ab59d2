/** Whose reads go to standbys: a switch at every level from a single connection to the whole cluster (pure). */

/** The narrowest first: that is the order in which they count. */
const splitLevels = ['connection', 'suffix', 'user', 'database', 'default'] as const;

export interface ReadSplit {
  isOn: boolean;
  /** What has decided it. */
  by: (typeof splitLevels)[number];
}

export interface SplitSettings {
  split: boolean;
  splitUsers: string;
  splitDatabases: string;
  splitOnSuffix: string;
  splitOffSuffix: string;
}

/** Who asks, by the names that its login has settled. */
export interface SplitClient {
  user: string;
  /** The one it is in, without a suffix. */
  database: string;
  /** `quantadb.split` in its startup packet; null: it did not say. */
  asked: boolean | null;
  /** By the suffix of the database name it gave; null: there was none. */
  bySuffix: boolean | null;
}

export function splitOf(settings: SplitSettings, client: SplitClient): ReadSplit {
  const found: Record<ReadSplit['by'], boolean | null> = {
    connection: client.asked,
    suffix: client.bySuffix,
    user: switchesOf(settings.splitUsers).get(client.user) ?? null,
    database: switchesOf(settings.splitDatabases).get(client.database) ?? null,
    default: settings.split,
  };
  const by = splitLevels.find((level) => found[level] !== null) ?? 'default';
  return { isOn: found[by] ?? false, by };
}

/**
 * A database name that ends with one of the two suffixes means the database without it. Whether there is one that really
 * bears the whole name is the caller's to find out: that one is meant then.
 *
 * @returns null when the name has no such suffix
 */
export function readSuffix(
  name: string,
  { splitOnSuffix, splitOffSuffix }: Pick<SplitSettings, 'splitOnSuffix' | 'splitOffSuffix'>,
): { database: string; isOn: boolean } | null {
  const bears = (suffix: string) => suffix !== '' && name.length > suffix.length && name.endsWith(suffix);
  // With both the same nobody asked for reads that may be behind.
  if (bears(splitOffSuffix)) return { database: name.slice(0, -splitOffSuffix.length), isOn: false };
  if (bears(splitOnSuffix)) return { database: name.slice(0, -splitOnSuffix.length), isOn: true };
  return null;
}

export const suffixForm = /^[A-Za-z0-9_.$-]{0,32}$/;
export const switchTextMax = 2_000;
const switchForm = /^\s*(?:"((?:[^"]|"")+)"|([^\s",=]+))\s*=\s*(on|off)\s*(?:,|$)/;

/** `anna=on, "odd, name"=off`: names as they are, quoted like identifiers where they hold more than letters. */
export function readSwitches(
  text: string,
): { ok: true; switches: ReadonlyMap<string, boolean> } | { ok: false; reason: string } {
  const switches = new Map<string, boolean>();
  for (let rest = text.trim(); rest !== ''; ) {
    const [whole, quoted, plain, value] = switchForm.exec(rest) ?? [];
    const name = quoted === undefined ? plain : quoted.replaceAll('""', '"');
    if (whole === undefined || name === undefined)
      return { ok: false, reason: `name=on, name=off …, and "${rest.slice(0, 40)}" is none of these` };
    if (switches.has(name)) return { ok: false, reason: `${name} is there twice` };
    switches.set(name, value === 'on');
    rest = rest.slice(whole.length);
    if (rest === '' && whole.trimEnd().endsWith(','))
      return { ok: false, reason: 'a name after the last comma' };
  }
  return { ok: true, switches };
}

const nothing: ReadonlyMap<string, boolean> = new Map();
/** Two settings are in force at a time, in every session of a process. */
const knownMax = 16;
const known = new Map<string, ReadonlyMap<string, boolean>>();

function switchesOf(text: string): ReadonlyMap<string, boolean> {
  if (text === '') return nothing;
  const found = known.get(text);
  if (found) return found;
  const read = readSwitches(text);
  const switches = read.ok ? read.switches : nothing;
  if (known.size >= knownMax) known.clear();
  known.set(text, switches);
  return switches;
}
