import type { RestoreWay } from '../contract/restore-target.ts';

/** The way to a moment that a plan has shown, and what has become of it until the start (pure). */

/** On a host that was to found a new cluster. */
export const restoreAnew =
  'Stop the daemon, empty its state directory, start it and restore again: nothing was there yet.';

export function wayOf({ label, timeline }: RestoreWay): RestoreWay {
  return { label, timeline };
}

/** What is different by now; null: nothing that was seen, or nothing was seen. */
export function otherWay(seen: RestoreWay | undefined, now: RestoreWay | undefined): string | null {
  if (!seen || (seen.label === now?.label && seen.timeline === now.timeline)) return null;
  const before = `the plan was to restore ${wayWords(seen)}`;
  return now
    ? `${before}; by now it would be ${wayWords(now)}`
    : `${before}, which does not lead there any more`;
}

function wayWords({ label, timeline }: RestoreWay): string {
  return `${label} along timeline ${timeline}`;
}
