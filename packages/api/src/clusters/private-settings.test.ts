import type { SettingsOverview } from '@quantadb/engine/contract/settings-view';
import { expect, test } from 'vitest';
import {
  auditWithoutValues,
  carriesValues,
  eventWithoutValues,
  operationWithoutValues,
  withoutPrivate,
} from './private-settings.ts';

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
    access: ['host all all 10.0.0.0/8 ldap ldapbindpasswd=s3cret'],
    isAccessHidden: false,
    shownOf: null,
    nodes: [],
    settings: [setting, { ...secret, differs: [{ node: 'node-2', value: 's3cret' }] }],
  };
  const seen = withoutPrivate(overview);
  expect(JSON.stringify(seen)).not.toContain('s3cret');
  expect(seen.settings[0]).toEqual(setting);
  expect(seen.agreed).toEqual({ work_mem: '4MB', 'vault.key': '(hidden)' });
  // The cluster may have lines of its own: that there are none is not said.
  expect(seen).toMatchObject({ access: [], isAccessHidden: true });
});

test('nor what a setting was changed to, in operations, events and the audit log', () => {
  const steps = [{ name: 'Check', detail: 'PostgreSQL does not take "s3cret"' }];
  const told = [
    operationWithoutValues({
      ...{ kind: 'set-parameters', params: { 'vault.key': 's3cret' }, steps },
      error: 'not changed: s3cret',
    }),
    eventWithoutValues({ kind: 'parameters', message: 'Parameters: vault.key = s3cret.' }),
    eventWithoutValues({ kind: 'operation-ended', message: 'set-parameters failed: s3cret' }),
    auditWithoutValues({
      ...{ action: 'set-parameters', before: null, after: { parameters: { 'vault.key': 's3cret' } } },
      ...{ outcome: 'refused', detail: 's3cret' },
    }),
  ];
  expect(JSON.stringify(told)).not.toContain('s3cret');
  expect(JSON.stringify(told)).toContain('vault.key');
  const other = { kind: 'operation-ended', message: 'set-parameters is done.' };
  expect(eventWithoutValues(other)).toBe(other);
});

test('nor a line of pg_hba.conf, which may hold a password, in operations, events, the audit log and alerts', () => {
  const line = 'host all all 10.0.0.0/8 ldap ldapbindpasswd=s3cret';
  const told = [
    operationWithoutValues({
      ...{ kind: 'set-access', params: { add: JSON.stringify([line]), remove: '[]', first: true } },
      ...{ steps: [{ name: 'Check', detail: line }], error: `node-2 does not take “${line}”` },
    }),
    eventWithoutValues({ kind: 'access', message: `Who may connect was changed: + ${line}.` }),
    eventWithoutValues({ kind: 'operation-ended', message: `set-access failed: “${line}”` }),
    auditWithoutValues({
      ...{ action: 'set-access', before: null, after: { change: { add: [line] } } },
      ...{ outcome: 'refused', detail: `“${line}” is not taken` },
    }),
  ];
  expect(JSON.stringify(told)).not.toContain('s3cret');
  expect(['set-access', 'set-parameters', 'switchover'].map(carriesValues)).toEqual([true, true, false]);
});
