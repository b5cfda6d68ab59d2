import { describe, expect, it } from 'vitest';
import { routerChangesSchema, routerSettingsOf } from '../contract/router-settings.ts';
import { demoState } from '../testing/demo-state.ts';
import { apply } from './state.ts';

function after(...changes: Parameters<typeof routerChangesSchema.parse>[0][]) {
  let state = demoState();
  for (const settings of changes) {
    const applied = apply(state, { kind: 'set-router', settings: routerChangesSchema.parse(settings) }, 0);
    expect(applied.result).toEqual({ ok: true });
    state = applied.state ?? state;
  }
  return state;
}

describe('settings of every router', () => {
  it('are kept where they differ from the usual ones, and taken back', () => {
    expect(after({ poolSize: 5, split: true }).router).toEqual({ poolSize: 5, split: true });
    expect(after({ poolSize: 5, split: true }, { split: null }).router).toEqual({ poolSize: 5 });
  });

  it('are told of by an event, with the usual value where one is taken back', () => {
    const messages = after({ poolSize: 5 }, { poolSize: null }).events.map(({ message }) => message);
    expect(messages.slice(-2)).toEqual(['Routers: poolSize = 5.', 'Routers: poolSize as usual (20).']);
  });

  it('are checked before anybody agrees on them', () => {
    const messageOf = (settings: unknown) =>
      routerChangesSchema.safeParse(settings).error?.issues[0]?.message;
    expect(messageOf({ poolSize: 0 })).toMatch(/^poolSize: /);
    expect(messageOf({ pooling: 'statement' })).toMatch(/^pooling: /);
    expect(messageOf({})).toBe('at least one setting');
    expect(routerChangesSchema.safeParse({ poolsize: 5 }).success).toBe(false);
  });

  it('of one host stand, whatever the cluster agrees on', () => {
    const settings = routerSettingsOf({ poolSize: 5, queueMax: 9 }, { poolSize: 7 });
    expect(settings).toMatchObject({ poolSize: 7, queueMax: 9, clientsMax: 10_000 });
  });
});
