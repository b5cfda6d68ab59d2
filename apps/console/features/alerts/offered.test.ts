import { PathParamsContext } from 'next/dist/shared/lib/hooks-client-context.shared-runtime';
import { createElement, type ReactNode } from 'react';
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import { Me, type Role } from '../shell/me.ts';
import { AlertItem } from './alert-item.tsx';
import { EndNow } from './silences-tab.tsx';
import type { FiringAlert } from './words.ts';

const [shop, bank] = ['0195a5a4-0000-7000-8000-000000000001', '0195a5a4-0000-7000-8000-000000000002'];
const nothing = () => undefined;

/** As /alerts shows it, whose address names no cluster, to somebody who has another role on the shop than on all clusters. */
function shownTo(role: Role, onShop: Role, children: ReactNode): string {
  const value = {
    name: 'anna',
    role,
    clusterRoles: [{ clusterId: shop, role: onShop }],
    owesSecondFactor: false,
  };
  const inside = createElement(Me.Provider, { value }, children);
  return renderToStaticMarkup(createElement(PathParamsContext.Provider, { value: {} }, inside));
}

const alertOf = (clusterId: string | null): FiringAlert => {
  const moment = '2026-01-01T00:00:00.000Z';
  return {
    ...{ id: 'a', rule: 'no-primary', title: 'No primary', clusterId, cluster: 'demo', subject: '' },
    ...{ state: 'firing', severity: 'critical', sentence: 'It has none.', since: moment, firing: moment },
    ...{ resolved: null, acknowledged: null, runbook: null, silencedBy: null, channels: [], later: [] },
  };
};
const alert = (clusterId: string | null) =>
  createElement(AlertItem, { alert: alertOf(clusterId), onAcknowledge: nothing, onSilence: nothing });
const silence = (clusterId: string | null) =>
  createElement(EndNow, { silence: { clusterId }, what: 'Every rule', onEnd: nothing });

test.each([
  ['an alert', alert, 'Acknowledge…'],
  ['a silence', silence, 'End now'],
] as const)('what is offered about %s is what the role on its own cluster permits', (_what, of, offered) => {
  const isOffered = (role: Role, onShop: Role) =>
    [shop, bank, null].map((clusterId) => shownTo(role, onShop, of(clusterId)).includes(offered));
  expect(isOffered('viewer', 'operator')).toEqual([true, false, false]);
  expect(isOffered('operator', 'viewer')).toEqual([false, true, true]);
});
