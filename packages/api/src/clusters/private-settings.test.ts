import type { SettingsOverview } from '@quantadb/engine/contract/settings-view';
import { expect, test } from 'vitest';
import { withoutPrivate } from './private-settings.ts';

const setting = {
  ...{ name: 'work_mem', value: '4MB', builtIn: '4096', unit: 'kB', type: 'integer', context: 'user' },
  ...{ source: 'default', description: '', category: '', isPending: false, choices: null, range: null },
  ...{ isPrivate: false, fixedBecause: null, differs: [] },
};

test('who may only look sees no value that PostgreSQL keeps from everybody', () => {
  const secret = { ...setting, name: 'vault.key', value: 's3cret', builtIn: 's3cret', isPrivate: true };
  const overview: SettingsOverview = {
    ownDurabilities: [],
    agreed: { work_mem: '4MB', 'vault.key': 's3cret' },
    shownOf: null,
    nodes: [],
    settings: [setting, { ...secret, differs: [{ node: 'node-2', value: 's3cret' }] }],
  };
  const seen = withoutPrivate(overview);
  expect(JSON.stringify(seen)).not.toContain('s3cret');
  expect(seen.settings[0]).toEqual(setting);
  expect(seen.agreed).toEqual({ work_mem: '4MB', 'vault.key': '(hidden)' });
});
