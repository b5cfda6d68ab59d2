import { describe, expect, it } from 'vitest';
import {
  nextNotice,
  type Route,
  routesFor,
  type Silence,
  silences,
  type ToldAlert,
  whoIsTold,
} from './routing.ts';

const nowMs = 1_000_000;
const shop = '6f6a1a52-5a5e-4d1c-9d3e-0a3c3b0a7a11';
const route: Route = {
  ...{ isDefault: false, severities: ['critical'], clusterIds: [shop], channelIds: ['pager'] },
  ...{ escalateMinutes: 10, escalateChannelIds: ['boss'] },
};
const rest: Route = {
  ...{ isDefault: true, severities: ['warning', 'critical'], clusterIds: [], channelIds: ['mail'] },
  ...{ escalateMinutes: null, escalateChannelIds: [] },
};
const routes = [route, rest];
const alert: ToldAlert = {
  ...{
    id: 'a',
    rule: 'no-primary',
    clusterId: shop,
    subject: '',
    sentence: '',
    severity: 'critical',
    state: 'firing',
  },
  ...{
    sinceMs: 0,
    firingMs: 0,
    seenMs: 0,
    acknowledgedMs: null,
    notifiedMs: null,
    notifiedAs: null,
    escalatedMs: null,
  },
};
const silence: Silence = { rule: null, clusterId: shop, subject: null, endsMs: nowMs + 1 };

describe('who is told', () => {
  it('I-ALERT-6: those of every route that fits; the default one only when no other does', () => {
    expect(routesFor(alert, routes)).toEqual([route]);
    expect(routesFor({ ...alert, severity: 'warning' }, routes)).toEqual([rest]);
    expect(routesFor({ ...alert, clusterId: null }, routes)).toEqual([rest]);
    expect(routesFor({ ...alert, severity: 'info' }, routes)).toEqual([]);
  });

  it('tells once, again when it gets worse, and calls the second channel when nobody acknowledges', () => {
    const at = (parts: Partial<ToldAlert>, laterMs = 0) =>
      nextNotice({ ...alert, ...parts }, { routes, silenced: [], nowMs: nowMs + laterMs });
    expect(at({})).toEqual({ kind: 'firing', channelIds: ['pager'] });
    expect(at({ state: 'pending' })).toBeNull();
    const told = { notifiedMs: nowMs, notifiedAs: 'critical' as const };
    expect(at(told, 599_999)).toBeNull();
    expect(at(told, 600_000)).toEqual({ kind: 'escalated', channelIds: ['boss'] });
    expect(at({ ...told, acknowledgedMs: nowMs }, 600_000)).toBeNull();
    expect(at({ ...told, escalatedMs: nowMs + 600_000 }, 700_000)).toBeNull();
    expect(at({ ...told, notifiedAs: 'warning' })).toEqual({ kind: 'worse', channelIds: ['pager'] });
  });
});

describe('who would be told, before it fires', () => {
  it('names the channels of the routes, those that come later, and the silence that ends last', () => {
    const asked = { routes, silenced: [], nowMs };
    expect(whoIsTold(alert, asked)).toEqual({
      ...{
        channelIds: ['pager'],
        later: [{ afterMinutes: 10, channelIds: ['boss'] }],
        silencedUntilMs: null,
      },
    });
    expect(whoIsTold({ ...alert, severity: 'info' }, asked)).toMatchObject({ channelIds: [], later: [] });
    const silenced = [
      silence,
      { ...silence, endsMs: nowMs + 9 },
      { ...silence, subject: 'node-1', endsMs: nowMs + 99 },
    ];
    expect(whoIsTold(alert, { ...asked, silenced }).silencedUntilMs).toBe(nowMs + 9);
    expect(whoIsTold({ ...alert, clusterId: null }, { ...asked, silenced }).silencedUntilMs).toBeNull();
  });

  it('tells the same as is told when it fires', () => {
    const asked = { routes, silenced: [], nowMs };
    const { channelIds, later } = whoIsTold(alert, asked);
    expect(nextNotice(alert, asked)).toEqual({ kind: 'firing', channelIds });
    const told = {
      ...alert,
      notifiedMs: nowMs - (later[0]?.afterMinutes ?? 0) * 60_000,
      notifiedAs: 'critical' as const,
    };
    expect(nextNotice(told, asked)).toEqual({ kind: 'escalated', channelIds: later[0]?.channelIds });
  });
});

describe('a silence', () => {
  it('I-ALERT-7: keeps quiet what it matches until it ends, and then what still fires is told', () => {
    expect(nextNotice(alert, { routes, silenced: [silence], nowMs })).toBeNull();
    expect(nextNotice(alert, { routes, silenced: [silence], nowMs: nowMs + 1 })).toMatchObject({
      kind: 'firing',
    });
  });

  it('matches by every part that it names', () => {
    expect(silences({ ...silence, rule: 'no-primary' }, alert, nowMs)).toBe(true);
    expect(silences({ ...silence, rule: 'no-quorum' }, alert, nowMs)).toBe(false);
    expect(silences({ ...silence, subject: 'node-1' }, alert, nowMs)).toBe(false);
    expect(silences({ ...silence, clusterId: null }, { ...alert, clusterId: null }, nowMs)).toBe(true);
    expect(silences(silence, { ...alert, clusterId: null }, nowMs)).toBe(false);
  });
});
