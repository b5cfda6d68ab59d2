/** What a session is promised of its reads, from the cheapest to the dearest. */
export const consistencyLevels = [
  'eventual', // any standby within the limits of lag
  'bounded', // at most so long ago
  'session', // what it wrote itself can be read
  'strong', // the primary
] as const;
export type Consistency = (typeof consistencyLevels)[number];
