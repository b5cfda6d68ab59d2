import { expect as check, it } from 'vitest';
import { expect } from '../server/expectations.ts';
import { canTellOutcome } from './loss.ts';

const { query, parse, bind, describe, execute, sync, saidParse, injectedParse, copyEnd } = expect;

it('the outcome of a COMMIT says everything when nothing else was asked with it', () => {
  const alone = [
    [query],
    [parse, bind, describe, execute, sync],
    [bind, execute],
    [saidParse, bind, execute],
  ];
  for (const asked of [...alone, [injectedParse, bind, execute, sync]])
    check(canTellOutcome(asked), asked.join()).toBe(true);
  const more = [
    [query, query],
    [execute, sync, sync],
    [bind, execute, execute, sync],
    [execute, copyEnd],
  ];
  for (const asked of [...more, [parse, bind, sync], []])
    check(canTellOutcome(asked), asked.join()).toBe(false);
});
