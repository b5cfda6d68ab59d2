import type { HostFacts, ServerFacts } from '../contract/host-facts.ts';

/** Whether a host can hold a copy of the primary's data and run it, before anything is changed (pure). */

export interface Preflight {
  host: HostFacts;
  primary: ServerFacts;
  /** The decider's clock when the host had answered. */
  nowMs: number;
}

export interface PreflightVerdict {
  /** Each with the next step. */
  refusals: string[];
  warnings: string[];
}

/** WAL that comes in while the copy is made, and what PostgreSQL writes beside it. */
const headroom = 1.2;
const skewMsMax = 2000;

export function judgeHost(name: string, { host, primary, nowMs }: Preflight): PreflightVerdict {
  const refusals: string[] = [];
  const warnings: string[] = [];
  const neededBytes = primary.dataBytes * headroom;
  if (host.freeBytes < neededBytes)
    refusals.push(
      `${name} has ${gigabytes(host.freeBytes)} GB free for its data directory, and ${gigabytes(neededBytes)} GB are needed. Make room there, or name another volume in host.json.`,
    );
  if (host.takenPorts.length > 0)
    refusals.push(
      `Port ${host.takenPorts.join(', ')} of ${name} is taken by another program; if it is the system's own PostgreSQL: systemctl disable --now postgresql.`,
    );
  if (majorOf(host.postgresVersion) !== majorOf(primary.postgresVersion))
    refusals.push(
      `${name} has PostgreSQL ${host.postgresVersion}, and the primary runs ${primary.postgresVersion}. Install the same major version there.`,
    );
  else if (host.postgresVersion !== primary.postgresVersion)
    warnings.push(
      `${name} has PostgreSQL ${host.postgresVersion}, and the primary runs ${primary.postgresVersion}: bring them together with quantadb upgrade postgres.`,
    );
  if (host.missingLibraries.length > 0)
    refusals.push(
      `${name} lacks libraries that the primary's databases use: ${host.missingLibraries.join(', ')}. Install their packages there.`,
    );
  const sorted = primary.sortedDatabases;
  if (sorted.length > 0 && host.collationVersion !== primary.collationVersion)
    refusals.push(
      `Text in ${sorted.join(', ')} is sorted by the C library, version ${primary.collationVersion ?? 'unknown'} on the primary and ${host.collationVersion ?? 'unknown'} on ${name}: indexes would be wrong there. Run both on the same release of the operating system.`,
    );
  const skewMs = host.atMs - nowMs;
  if (Math.abs(skewMs) > skewMsMax)
    warnings.push(
      `The clock of ${name} is ${Math.abs(Math.round(skewMs / 1000))} s ${skewMs > 0 ? 'ahead' : 'behind'}. No decision depends on it, but times in logs and point-in-time recovery do: check its time synchronisation.`,
    );
  return { refusals, warnings };
}

function majorOf(version: string): string {
  return version.split('.')[0] ?? version;
}

/** Negative when the first one is older. */
export function compareVersions(one: string, other: string): number {
  const numbers = (version: string) => version.split('.').map(Number);
  const [left, right] = [numbers(one), numbers(other)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(bytes < 1e10 ? 2 : 0);
}
