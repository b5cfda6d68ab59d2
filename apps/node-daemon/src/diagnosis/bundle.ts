import { messageOf } from '@quantadb/engine/shared/errors';
import { redactText, redactValue } from '@quantadb/engine/shared/redact';
import type { ClusterFacts, Unanswered } from './findings.ts';
import type { TarFile } from './tar.ts';

const pathPartPattern = /[^A-Za-z0-9._-]/g;
const pathPartMax = 40;

/** What is collected on the way: files without secrets, what is known for the judgement, and what nobody answered. */
export class Bundle {
  readonly files: TarFile[] = [];
  readonly clusters: ClusterFacts[] = [];
  readonly unanswered: Unanswered[] = [];
  private readonly secrets: readonly string[];

  constructor(secrets: readonly string[]) {
    this.secrets = secrets;
  }

  /** JSON for values, text for texts. */
  add(path: string, value: unknown): void {
    const clean =
      typeof value === 'string'
        ? redactText(value, this.secrets)
        : JSON.stringify(redactValue(value, this.secrets), null, 2);
    this.files.push({ path, content: Buffer.from(`${clean}\n`) });
  }

  /** Puts an answer into a file, and remembers when there is none. */
  async ask<T>(what: string, path: string, question: () => Promise<T>): Promise<T | null> {
    try {
      const answer = await question();
      this.add(path, answer);
      return answer;
    } catch (error) {
      this.miss(what, messageOf(error));
      return null;
    }
  }

  miss(what: string, why: string): void {
    this.unanswered.push({ what, why: redactText(why, this.secrets) });
  }
}

/** A name as it may stand in a path of the archive. */
export function pathPart(name: string): string {
  return name.replace(pathPartPattern, '_').replace(/^\.+/, '_').slice(0, pathPartMax);
}
