import type { RepositorySecrets } from '../contract/backup.ts';
import type { Operation } from '../contract/cluster-state.ts';

const names = ['cipherPass', 's3Key', 's3KeySecret'] as const;
/** One operation runs at a time; the others are failed ones that somebody may go on with. */
const keptMax = 8;

type Params = Operation['params'];

/**
 * Secrets of repositories that are being set, by the operation that they were given with. They live in this process only until
 * they are agreed on; which of them there were is in the log, so that a process without them notices.
 */
export class GivenSecrets {
  private readonly byOperation = new Map<string, RepositorySecrets>();

  keep(operation: string, secrets: RepositorySecrets | null): void {
    if (secrets === null) return;
    this.byOperation.set(operation, secrets);
    const [oldest] = this.byOperation.keys();
    if (this.byOperation.size > keptMax && oldest !== undefined) this.byOperation.delete(oldest);
  }

  /** Null: none were given here with that operation. */
  of(operation: string): RepositorySecrets | null {
    return this.byOperation.get(operation) ?? null;
  }
}

/** Which secrets a request gives, by their names (pure). No older daemon looks at it. */
export function givenParams(secrets: RepositorySecrets | null): Params {
  const given = names.filter((name) => secrets !== null && secrets[name] !== null);
  return given.length === 0 ? {} : { secretsGiven: given.join(',') };
}

/** Whether everything that was given is at hand (pure). */
export function areAtHand({ secretsGiven }: Params, secrets: RepositorySecrets | null): boolean {
  if (typeof secretsGiven !== 'string') return true;
  const given = new Set(secretsGiven.split(','));
  return names.every((name) => !given.has(name) || (secrets !== null && secrets[name] !== null));
}
