import type { BackupImpact } from '../contract/backup.ts';
import { sizeWords } from '../shared/words.ts';

/** When a running backup gives way to everything else (pure). */

export interface Hold {
  isHeld: boolean;
  sinceMs: number;
}

/**
 * The program gives up when its parts have not heard of each other for `protocol-timeout` (330 s), and the session on the
 * primary must not idle for ever: it goes on for a while, whatever the load, and is held back again.
 */
const heldMsMax = 120_000;
/** Not in turns of a second: what it costs is seen only after a while. */
const goesMsMin = 10_000;
/** Below the limit by so much before it goes on, so that it does not swing about it. */
const ease = 0.9;

export interface HoldInput {
  nowMs: number;
  /** Files are being copied: at its begin and end the program waits for others, and others for it. */
  isCopying: boolean;
  load: number | null;
  /** How far the standby that is read is behind; null: it is the primary, or nobody knows. */
  lagBytes: number | null;
}

/** @returns the hold as it stood, or a new one */
export function nextHold(
  hold: Hold,
  impact: Pick<BackupImpact, 'loadMax' | 'lagBytesMax'>,
  input: HoldInput,
): Hold {
  const forMs = input.nowMs - hold.sinceMs;
  if (hold.isHeld) {
    const isStillWanted = whyHeld(eased(impact), input) !== null && input.isCopying;
    return isStillWanted && forMs < heldMsMax ? hold : { isHeld: false, sinceMs: input.nowMs };
  }
  const isWanted = input.isCopying && forMs >= goesMsMin && whyHeld(impact, input) !== null;
  return isWanted ? { isHeld: true, sinceMs: input.nowMs } : hold;
}

/** Null while nothing is over its limit. */
export function whyHeld(
  { loadMax, lagBytesMax }: Pick<BackupImpact, 'loadMax' | 'lagBytesMax'>,
  { load, lagBytes }: Pick<HoldInput, 'load' | 'lagBytes'>,
): string | null {
  if (lagBytes !== null && lagBytes > lagBytesMax)
    return `the standby is ${sizeWords(lagBytes)} behind (${sizeWords(lagBytesMax)} are allowed)`;
  if (load !== null && loadMax !== null && load > loadMax)
    return `the load is ${load.toFixed(1)} per processor (${loadMax} is allowed)`;
  return null;
}

function eased({ loadMax, lagBytesMax }: Pick<BackupImpact, 'loadMax' | 'lagBytesMax'>) {
  return { loadMax: loadMax === null ? null : loadMax * ease, lagBytesMax: Math.floor(lagBytesMax * ease) };
}
