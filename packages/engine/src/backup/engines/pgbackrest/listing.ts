import { z } from 'zod';
import { QuantaError } from '../../../shared/errors.ts';
import type { ArchivedFile, ArchiveListing } from '../../engine.ts';

/** Reads `pgbackrest repo-ls --recurse --output=json archive/<stanza>` (pure). */

const listingSchema = z.record(
  z.string(),
  z.object({ type: z.string(), size: z.number().optional(), time: z.number().optional() }),
);

/** `<archive id>/<first 16 digits>/<segment>-<SHA-1 of its content>[.compression]`; histories lie one level higher. */
const segmentPath =
  /^(\d+-\d+)\/[0-9A-F]{16}\/([0-9A-F]{24})(\.partial)?-([0-9a-f]{40})(?:\.(?:gz|lz4|zst|bz2))?$/;
const historyPath = /^(\d+-\d+)\/([0-9A-F]{8}\.history)$/;

/**
 * @param archiveId whose files count; null: those of the newest database system
 * @throws QuantaError PROTOCOL_VIOLATION
 */
export function parseListing(json: string, archiveId: string | null): ArchiveListing {
  const files = parsed(json);
  const ids = [...new Set(files.flatMap(({ path }) => /^(\d+-\d+)(\/|$)/.exec(path)?.[1] ?? []))];
  const chosen = archiveId ?? ids.sort((left, right) => historyId(left) - historyId(right)).at(-1) ?? null;
  const segments = new Map<string, ArchivedFile>();
  const histories: ArchivedFile[] = [];
  const duplicates = new Set<string>();
  for (const { path, size, time } of files) {
    const details = { archivedAtMs: time * 1000, bytes: size };
    const segment = segmentPath.exec(path);
    if (segment?.[2] && segment[1] === chosen) {
      const name = `${segment[2]}${segment[3] ?? ''}`;
      if (segments.has(name)) duplicates.add(name);
      segments.set(name, { name, ...details, ...(segment[4] ? { sha1: segment[4] } : {}) });
    }
    const history = historyPath.exec(path);
    if (history?.[2] && history[1] === chosen) histories.push({ name: history[2], ...details });
  }
  const sorted = [...segments.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  return { archiveId: chosen, segments: sorted, histories, duplicates: [...duplicates].sort() };
}

/** `15-2`: the second database system that archived here. */
function historyId(archiveId: string): number {
  return Number(archiveId.split('-')[1] ?? 0);
}

function parsed(json: string): { path: string; size: number; time: number }[] {
  try {
    const listed = listingSchema.parse(JSON.parse(json));
    return Object.entries(listed).map(([path, { size, time }]) => ({
      path,
      size: size ?? 0,
      time: time ?? 0,
    }));
  } catch (cause) {
    throw new QuantaError('PROTOCOL_VIOLATION', 'the list of archived WAL is not understood', { cause });
  }
}
