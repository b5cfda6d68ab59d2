import { z } from 'zod';
import { QuantaError } from '../../../shared/errors.ts';
import type { Inventory, StoredBackup } from '../../engine.ts';

/** Reads `pgbackrest info --output=json` (pure). */

const position = z.string().regex(/^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/);
const walName = z.string().regex(/^[0-9A-F]{24}$/);
const count = z.number().int().min(0);

const backupSchema = z.object({
  label: z.string().regex(/^[0-9]{8}-[0-9]{6}F(_[0-9]{8}-[0-9]{6}[DI])?$/),
  type: z.enum(['full', 'diff', 'incr']),
  prior: z.string().nullable(),
  reference: z.array(z.string()).nullable().default(null),
  archive: z.object({ start: walName.nullable(), stop: walName.nullable() }),
  lsn: z.object({ start: position, stop: position }).optional(),
  timestamp: z.object({ start: count, stop: count }),
  database: z.object({ id: count }),
  error: z.boolean().default(false),
  annotation: z.record(z.string(), z.string()).default({}),
  info: z.object({
    size: count,
    delta: count,
    repository: z.object({ delta: count, size: count.optional() }),
  }),
});

const stanzaSchema = z.object({
  name: z.string(),
  status: z.object({
    code: count,
    message: z.string(),
    lock: z.object({ backup: z.object({ held: z.boolean() }) }).optional(),
  }),
  repo: z.array(z.object({ status: z.object({ message: z.string() }) })).default([]),
  db: z.array(z.object({ id: count, 'system-id': z.string(), version: z.string() })).default([]),
  archive: z
    .array(z.object({ id: z.string(), min: walName.nullable(), max: walName.nullable() }).partial())
    .default([]),
  backup: z.array(backupSchema).default([]),
});

/**
 * A database identifier has 64 bits, more than a number of JSON can hold here; and a message that quotes what a wrong key
 * made of a file puts its control characters into the text as they are.
 */
function madeReadable(json: string): string {
  const printable = [...json]
    .map((character) => ((character.codePointAt(0) ?? 0) < 32 ? ' ' : character))
    .join('');
  return printable.replaceAll(/"(system-id)":\s*(\d+)/g, '"$1":"$2"');
}

/** pgBackRest's own codes of a stanza's state (its info command, infoRender). */
const states: Record<number, Inventory['state']> = { 0: 'ok', 1: 'missing', 2: 'empty', 3: 'missing' };

/** @throws QuantaError PROTOCOL_VIOLATION when the text is not what this program is known to print */
export function parseInfo(json: string, stanza: string): Inventory {
  const all = parsed(json);
  const found = all.find((each) => each.name === stanza);
  if (!found) return { ...nothing, detail: 'the repository does not know this cluster' };
  const systems = found.db.map((each) => ({
    id: each.id,
    systemIdentifier: each['system-id'],
    postgresVersion: each.version,
  }));
  return {
    state: states[found.status.code] ?? 'broken',
    detail: problemOf(found),
    isLocked: found.status.lock?.backup.held ?? false,
    systems: systems.sort((left, right) => left.id - right.id),
    // A backup without positions was made offline: no moment of it is known, and none is offered.
    backups: found.backup.flatMap((backup) => storedBackup(backup) ?? []),
  };
}

/** `other` stands for whatever is wrong with the repository; its own message may quote what it could not read. */
function problemOf({ status, repo }: z.infer<typeof stanzaSchema>): string {
  const said = repo.map((each) => each.status.message).find((message) => message !== 'ok');
  return (
    (said ?? status.message)
      .split('\n')[0]
      ?.split(/FormatError: key/)[0]
      ?.replaceAll(/[^\x20-\x7e]+/g, '?') ?? ''
  );
}

const nothing: Inventory = { state: 'missing', detail: '', isLocked: false, systems: [], backups: [] };

function parsed(json: string): z.infer<typeof stanzaSchema>[] {
  try {
    return z.array(stanzaSchema).parse(JSON.parse(madeReadable(json)));
  } catch (cause) {
    throw new QuantaError('PROTOCOL_VIOLATION', 'the answer of pgbackrest info is not understood', {
      cause,
      hint: 'Check that the installed pgBackRest is one that this version of QuantaDB knows.',
    });
  }
}

function storedBackup(backup: z.infer<typeof backupSchema>): StoredBackup | null {
  const { lsn, archive } = backup;
  if (!lsn || archive.start === null || archive.stop === null) return null;
  const { size, delta, repository } = backup.info;
  return {
    label: backup.label,
    type: backup.type,
    prior: backup.prior,
    references: backup.reference ?? [],
    startMs: backup.timestamp.start * 1000,
    stopMs: backup.timestamp.stop * 1000,
    startLsn: lsn.start.toUpperCase(),
    stopLsn: lsn.stop.toUpperCase(),
    startWal: archive.start,
    stopWal: archive.stop,
    databaseId: backup.database.id,
    databaseBytes: size,
    copiedBytes: delta,
    repositoryBytes: repository.delta,
    hasPageErrors: backup.error,
    notes: backup.annotation,
  };
}
