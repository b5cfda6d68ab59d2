import type { ServerUser } from './server-user.ts';

const nothing = () => undefined;

/** For whom an answer is that nobody waits for any more. */
export const nobody: ServerUser = {
  forward: nothing,
  flush: nothing,
  settled: nothing,
  failed: nothing,
  lost: nothing,
  retriesAfter: () => false,
  again: nothing,
  serverDrained: nothing,
  wantsParameter: () => false,
  undone: nothing,
};
