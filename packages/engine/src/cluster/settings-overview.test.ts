import { describe, expect, it } from 'vitest';
import type { ServerSetting } from '../contract/settings-view.ts';
import { fixedBecause } from '../postgres/fixed-settings.ts';
import { demoState } from '../testing/demo-state.ts';
import { compareSettings } from './settings-overview.ts';

const setting = (name: string, value: string, more: Partial<ServerSetting> = {}): ServerSetting => ({
  ...{ name, value, builtIn: null, unit: null, type: 'string', context: 'sighup', source: 'default' },
  ...{
    description: '',
    category: '',
    isPrivate: false,
    isPending: false,
    choices: null,
    range: null,
    ...more,
  },
});
const answered = (node: string, settings: ServerSetting[]) => ({ node, settings, problem: null });
const silent = (node: string) => ({ node, settings: null, problem: 'it does not answer' });

describe('I-PARAM-1: the settings of a cluster are those of its servers', () => {
  const state = demoState();
  const primary = state.reign.primary ?? '';
  const [other = ''] = Object.keys(state.members).filter((name) => name !== primary);

  it('shows the primary and names who differs', () => {
    const told = [
      answered(other, [setting('work_mem', '8MB')]),
      answered(primary, [setting('work_mem', '4MB')]),
    ];
    const { shownOf, settings } = compareSettings(state, told);
    expect(shownOf).toEqual({ node: primary, isPrimary: true });
    expect(settings).toMatchObject([{ value: '4MB', differs: [{ node: other, value: '8MB' }] }]);
  });

  it('does not compare what QuantaDB decides for each node', () => {
    const told = [answered(primary, [setting('port', '1')]), answered(other, [setting('port', '2')])];
    expect(compareSettings(state, told).settings[0]).toMatchObject({
      differs: [],
      fixedBecause: expect.stringMatching(/host/),
    });
  });

  it('says whose values they are when the primary is silent, and that a silent node is not known', () => {
    const told = [silent(primary), answered(other, [setting('work_mem', '4MB', { isPending: true })])];
    const { shownOf, nodes } = compareSettings(state, told);
    expect(shownOf).toEqual({ node: other, isPrimary: false });
    expect(nodes).toEqual([
      { name: primary, pendingRestart: null, problem: 'it does not answer' },
      { name: other, pendingRestart: ['work_mem'], problem: null },
    ]);
    expect(compareSettings(state, [silent(primary)])).toMatchObject({ shownOf: null, settings: [] });
  });
});

describe('I-PARAM-2: a setting that nobody may change says why', () => {
  it.each([
    ['synchronous_commit', 'user', /durability/],
    ['fsync', 'sighup', /damage/],
    ['primary_conninfo', 'sighup', /failover/],
    ['lc_messages', 'superuser', /QuantaDB decides/],
    ['block_size', 'internal', /built/],
  ])('%s', (name, context, reason) => expect(fixedBecause({ name, context })).toMatch(reason));

  it.each(['work_mem', 'max_connections', 'shared_preload_libraries'])('%s may be changed', (name) => {
    expect(fixedBecause({ name, context: 'postmaster' })).toBeNull();
  });
});
