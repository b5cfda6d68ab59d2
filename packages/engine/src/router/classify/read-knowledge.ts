import type { Statement } from './classifier.ts';
import { namesIn } from './facts.ts';

const nameBytesMax = 63;
const isAscii = (text: string) => /^[\x20-\x7e]*$/.test(text);

/** What is known of one database's functions, views and operators; whether a statement is proven to read follows (pure). */
export class ReadKnowledge {
  /** No function of that name may write. */
  private readonly harmless = new Set<string>();
  /** Where this name stands, something may be called that writes. */
  private readonly names = new Set<string>();
  private readonly operators: string[] = [];
  /** Whether a name that is no plain ASCII is one of `names` depends on encodings. */
  private readonly isOddNamed: boolean;

  /** @param rows as `catalogueQuestion` brings them */
  constructor(rows: readonly (readonly (string | null)[])[]) {
    for (const [kind, name] of rows) {
      if (!name) continue;
      if (kind === 'f') this.harmless.add(name);
      else if (kind === 'n') this.names.add(name);
      else if (kind === 'o') this.operators.push(name);
    }
    this.isOddNamed = [...this.names].some((name) => !isAscii(name));
  }

  isRead({ key, facts }: Pick<Statement, 'key' | 'facts'>): boolean {
    if (!facts.looksReadOnly) return false;
    const isHarmless = (name: string) => this.harmless.has(name.slice(name.lastIndexOf('.') + 1));
    if (!facts.functions.every(isHarmless)) return false;
    if (this.operators.some((sign) => key.includes(sign))) return false;
    return this.names.size === 0 || !namesIn(key).some((name) => this.mayWrite(name));
  }

  private mayWrite(name: string): boolean {
    if (this.names.has(name)) return true;
    // PostgreSQL cuts what is too long.
    return name.length > nameBytesMax || (this.isOddNamed && !isAscii(name));
  }
}
