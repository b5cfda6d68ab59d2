import { expect, it } from 'vitest';
import { Classifier } from '../classify/classifier.ts';
import { FailedTransaction } from './failed-transaction.ts';

const classifier = new Classifier();
const statement = (text: string) =>
  classifier.classify(Buffer.from(text), { start: 0, end: text.length }, false);
const untold = { severity: 'ERROR', sqlState: '40001', message: 'lost' } as const;

it('ends with its ROLLBACK, and a COMMIT of what is lost is an error', () => {
  const failed = new FailedTransaction();
  failed.begin(untold);
  expect(failed.end(statement('SELECT 1'))).toBeUndefined();
  expect(failed.end(statement('COMMIT'))).toEqual(untold);
  expect(failed.isActive).toBe(false);
  failed.begin(null);
  expect(failed.end(statement('ROLLBACK AND NO CHAIN'))).toBeNull();
  expect(failed.isActive).toBe(false);
});

it('goes on in the transaction that follows it, which has failed, too', () => {
  const failed = new FailedTransaction();
  failed.begin(null);
  expect(failed.end(statement('ROLLBACK AND CHAIN'))).toBeNull();
  expect(failed.isActive).toBe(true);
  expect([failed.nextError().sqlState, failed.nextError().sqlState]).toEqual(['40001', '25P02']);
  failed.begin(untold);
  expect(failed.end(statement('COMMIT AND CHAIN'))).toEqual(untold);
  expect(failed.isActive).toBe(true);
});
