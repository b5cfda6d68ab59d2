import { expect, test } from 'vitest';
import type { Principal } from '../people/principal.ts';
import { mayReadMetrics } from './metrics-door.ts';

const token = 'what Prometheus sends'.replaceAll(' ', '-');
const nobody = { find: async () => null };
const as = (role: Principal['role']) => ({ find: async () => ({ role, clusters: {} }) as Principal });
const sending = (sent: string) => ({ headers: { authorization: `Bearer ${sent}` } });

test('I-METRICS-1: with a token the metrics are for whoever sends it, and for whoever may read all clusters', async () => {
  expect(await mayReadMetrics({ headers: {} }, { token: null, principals: nobody })).toBe(true);
  expect(await mayReadMetrics({ headers: {} }, { token, principals: nobody })).toBe(false);
  expect(await mayReadMetrics(sending(`${token}x`), { token, principals: nobody })).toBe(false);
  expect(await mayReadMetrics(sending(token), { token, principals: nobody })).toBe(true);
  expect(await mayReadMetrics({ headers: {} }, { token, principals: as('viewer') })).toBe(true);
  expect(await mayReadMetrics({ headers: {} }, { token, principals: as('none') })).toBe(false);
});
