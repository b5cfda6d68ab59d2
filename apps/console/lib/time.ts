'use client';

import { createContext, useContext } from 'react';
import { withMoments } from './sentences.ts';

/** Local time or UTC, for every moment in the console at once: axis, tooltip, table and text agree. */
export type Zone = 'local' | 'UTC';

export const ZoneContext = createContext<{ zone: Zone; setZone(zone: Zone): void }>({
  zone: 'local',
  setZone: () => undefined,
});

export interface Times {
  /** 14:05:09 */
  clock(atMs: number): string;
  /** 23 Nov 2026, 14:05:09 */
  moment(at: string | number): string;
  /** 23 Nov, 14:05:09.123 */
  precise(at: string | number): string;
  /** A sentence of a cluster, whose moments are in UTC, with those that the console shows; `at` is when it was said. */
  sentence(text: string, at?: string | number): string;
  /** The zone that the above are in, by its IANA name. */
  zone: string;
}

export function useTimes(): Times {
  const { zone } = useContext(ZoneContext);
  const timeZone = zone === 'UTC' ? { timeZone: 'UTC' } : {};
  const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium', ...timeZone });
  const moment = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium', ...timeZone });
  const precise = new Intl.DateTimeFormat('en-GB', {
    ...{ day: '2-digit', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' },
    ...{ fractionalSecondDigits: 3, ...timeZone },
  });
  const formats = {
    clock: (atMs: number) => `${clock.format(atMs)}${zone === 'UTC' ? ' UTC' : ''}`,
    moment: (at: string | number) => `${moment.format(new Date(at))}${zone === 'UTC' ? ' UTC' : ''}`,
  };
  return {
    sentence: (text, at = Date.now()) => withMoments(text, new Date(at).getTime(), formats),
    precise: (at) => precise.format(new Date(at)),
    clock: (atMs) => clock.format(atMs),
    moment: formats.moment,
    zone: zone === 'UTC' ? 'UTC' : moment.resolvedOptions().timeZone,
  };
}

/** 23 Nov 2026, 14:05 by the clocks of a place. */
export function momentIn(atMs: number, timeZone: string): string {
  try {
    const format = { dateStyle: 'medium', timeStyle: 'short', timeZone } as const;
    return new Intl.DateTimeFormat('en-GB', format).format(atMs);
  } catch {
    return new Date(atMs).toISOString();
  }
}
