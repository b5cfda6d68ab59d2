import { expect, test } from 'vitest';
import { accessChangeSchema } from '../contract/access.ts';
import type { ClusterState } from '../contract/cluster-state.ts';
import { demoState } from '../testing/demo-state.ts';
import { planAccess } from './access-change.ts';
import type { PlanBody, PlanInput } from './plan-body.ts';
import { apply } from './state.ts';

const office = 'host all all 10.0.0.0/8 scram-sha-256';
const base: PlanBody = {
  ...{ summary: '', steps: [], writePause: 'none', quorumBefore: '', quorumAfter: '', warnings: [] },
  refusal: null,
};

function planned(hba: string[], change: object): PlanBody {
  const state: ClusterState = { ...demoState(), hba };
  return planAccess({ state } as PlanInput, base, accessChangeSchema.parse(change));
}

test('I-ACCESS-1: a line that no PostgreSQL would take, or that is not there, is refused before anybody is asked', () => {
  expect(planned([], { add: ['host all all 10.0.0.0/8 trust'] }).refusal).toMatch(/trust lets anybody in/);
  expect(planned([], { add: ['host all all 10.0.0.0/99 md5'] }).refusal).toMatch(/address/);
  expect(planned([], { remove: [office] }).refusal).toMatch(/none of the cluster's own lines/);
  expect(planned([office], { add: [`  ${office.replaceAll(' ', '   ')}`] }).refusal).toMatch(/stand already/);
  expect(
    planned(
      Array.from({ length: 100 }, (_, index) => `${office} ${index}`),
      { add: [office] },
    ).refusal,
  ).toMatch(/101 lines/);
  expect(() => accessChangeSchema.parse({})).toThrow(/at least one line/);
});

test('what is added comes last or first, as was asked, and a line for replication says who goes by it', () => {
  const backup = 'hostssl replication backup 10.0.0.0/8 scram-sha-256';
  const plan = planned([office], { add: [backup], first: true });
  expect(plan.refusal).toBeNull();
  expect(plan.summary).toContain('before the others');
  expect(plan.warnings.join()).toMatch(/count at the routers/);
});

test('the log keeps the lines as they were agreed on, and says what has changed', () => {
  const before: ClusterState = { ...demoState(), level: 11, hba: [office] };
  const reject = 'host all anna all reject';
  const { state, result } = apply(before, { kind: 'set-access', lines: [reject, office] }, 1);
  expect(result).toMatchObject({ ok: true });
  expect(state?.hba).toEqual([reject, office]);
  expect(state?.events.at(-1)?.message).toBe(`Who may connect was changed: + ${reject}.`);
});
