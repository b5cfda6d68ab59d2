import { describe, expect, test } from 'vitest';
import { LeaseLedger, pendingRenewalsMax, RenewalDesk, type RenewalOutcome } from './lease-ledger.ts';

const gate = { epoch: 3, holderId: 1 };
const renewal = { holderId: 1, epoch: 3, body: '', receivedAtMs: 100 };

function ledgerWith(first: typeof gate | null) {
  const ledger = new LeaseLedger();
  ledger.setGate(first, true);
  const replies: { ok: boolean; reason: string }[] = [];
  return { ledger, replies, reply: (outcome: { ok: boolean; reason: string }) => replies.push(outcome) };
}

describe('the leader’s side', () => {
  test('I-LEASE-2: a renewal is confirmed only after leadership was proven', () => {
    const { ledger, replies, reply } = ledgerWith(gate);
    expect(ledger.receive(renewal, 7, reply)).toBeNull();
    expect(replies).toEqual([]);
    expect(ledger.proven(7, true)).toBe(true);
    expect(replies).toEqual([{ ok: true, reason: '' }]);
  });

  test('a proof that fails refuses the renewal', () => {
    const { ledger, replies, reply } = ledgerWith(gate);
    ledger.receive(renewal, 7, reply);
    ledger.proven(7, false);
    expect(replies).toMatchObject([{ ok: false }]);
  });

  test('only the holder of the gate’s epoch is served', () => {
    const { ledger, reply } = ledgerWith(gate);
    expect(ledger.receive({ ...renewal, holderId: 2 }, 1, reply)).toMatch(/another node/);
    expect(ledger.receive({ ...renewal, epoch: 2 }, 2, reply)).toMatch(/epoch 3/);
    expect(ledgerWith(null).ledger.receive(renewal, 3, reply)).toMatch(/no lease/);
  });

  test('a gate that closes while the proof is under way refuses', () => {
    const { ledger, replies, reply } = ledgerWith(gate);
    ledger.receive(renewal, 7, reply);
    ledger.setGate(null, true);
    ledger.proven(7, true);
    expect(replies).toMatchObject([{ ok: false }]);
  });

  test('a node that does not lead has no gate, whatever it is told', () => {
    const { ledger, reply } = ledgerWith(gate);
    ledger.leadershipLost();
    expect(ledger.receive(renewal, 1, reply)).toMatch(/no lease/);
    ledger.setGate(gate, false);
    expect(ledger.receive(renewal, 2, reply)).toMatch(/no lease/);
  });

  test('a read that is none of ours is not swallowed', () => {
    expect(ledgerWith(gate).ledger.proven(99, true)).toBe(false);
  });
});

describe('the holder’s side', () => {
  test('the deadline counts from the moment of sending', () => {
    const desk = new RenewalDesk();
    const outcomes: RenewalOutcome[] = [];
    const sequence = desk.open({ nowMs: 1000, deadlineMs: 500 }, (outcome) => outcomes.push(outcome));
    desk.answer(sequence ?? 0, { ok: true, reason: '' });
    expect(outcomes).toEqual([{ ok: true, sentAtMs: 1000 }]);
  });

  test('an answer after the deadline is no answer', () => {
    const desk = new RenewalDesk();
    const outcomes: RenewalOutcome[] = [];
    const sequence = desk.open({ nowMs: 1000, deadlineMs: 500 }, (outcome) => outcomes.push(outcome));
    desk.expire(1499);
    expect(outcomes).toEqual([]);
    desk.expire(1500);
    desk.answer(sequence ?? 0, { ok: true, reason: '' });
    expect(outcomes).toMatchObject([{ ok: false }]);
  });

  test('the number of open renewals is bounded', () => {
    const desk = new RenewalDesk();
    for (let each = 0; each < pendingRenewalsMax; each += 1)
      desk.open({ nowMs: 0, deadlineMs: 1 }, () => undefined);
    expect(desk.open({ nowMs: 0, deadlineMs: 1 }, () => undefined)).toBeNull();
  });
});
