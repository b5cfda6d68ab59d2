import { z } from 'zod';

/** Lines of pg_hba.conf that a cluster has for its clients, after QuantaDB's own. */

export const accessLinesMax = 100;
/** At once: an operation is kept with what it was asked for. */
const changedLinesMax = 20;
export const accessLineSchema = z.string().trim().min(1).max(500);

export const accessChangeSchema = z
  .object({
    add: z.array(accessLineSchema).max(changedLinesMax).default([]),
    remove: z.array(accessLineSchema).max(changedLinesMax).default([]),
    /** Whether what is added comes before the lines that stand: the first line that fits decides. */
    first: z.boolean().default(false),
  })
  .refine(({ add, remove }) => add.length + remove.length > 0, 'at least one line');
export type AccessChange = z.infer<typeof accessChangeSchema>;

/** What a node says of lines that are to count. */
export const refusedLinesSchema = z
  .array(z.object({ line: z.string().max(500), reason: z.string().max(1000) }))
  .max(accessLinesMax);

/** As lines are compared: PostgreSQL takes any blanks between words. */
export function plainLine(line: string): string {
  return line.trim().replaceAll(/\s+/g, ' ');
}

/** The lines after the change; one that stands already keeps its place. */
export function accessAfter(lines: readonly string[], { add, remove, first }: AccessChange): string[] {
  const gone = new Set(remove.map(plainLine));
  const kept = lines.filter((line) => line.trim() !== '' && !gone.has(plainLine(line)));
  const standing = new Set(kept.map(plainLine));
  const fresh = [...new Set(add.map(plainLine))].filter((line) => !standing.has(line));
  return first ? [...fresh, ...kept] : [...kept, ...fresh];
}
