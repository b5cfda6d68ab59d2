import { describe, expect, it } from 'vitest';
import {
  clockDriftMax,
  granterDeadlineMs,
  holderDeadlineMs,
  renewalBody,
  replayedIn,
  unconfirmedIn,
} from './lease.ts';

describe('the lease (I-LEASE-1)', () => {
  it('ends for its holder before the granter believes that it has ended, whatever the delay and the drift within bounds', () => {
    for (let delayMs = 0; delayMs <= 5000; delayMs += 50) {
      for (const drift of [-clockDriftMax, -clockDriftMax / 2, 0, clockDriftMax / 2]) {
        // The holder's clock runs at (1 + drift) of the granter's.
        const sentAtMs = 1000;
        const holderEndMs = holderDeadlineMs(sentAtMs, 3600);
        const trueEndMs = sentAtMs + (holderEndMs - sentAtMs) / (1 + drift);
        const granterEndMs = granterDeadlineMs(sentAtMs + delayMs, 3600);
        expect(trueEndMs).toBeLessThanOrEqual(granterEndMs);
      }
    }
  });
});

it('a renewal says how long it has been unconfirmed, and of a candidate how far it has replayed', () => {
  expect(renewalBody(250.4, null)).toBe('250');
  const body = renewalBody(250.4, '1/A0');
  expect([unconfirmedIn(body), replayedIn(body)]).toEqual([250, '1/A0']);
  expect([unconfirmedIn('250'), replayedIn('250')], 'of an older release').toEqual([250, null]);
  expect([unconfirmedIn('?'), replayedIn('? x/y')]).toEqual([0, null]);
});
