import type { Partition } from './partition.ts';

/** Who is who when a partition begins: the primary, the decider (a standby), the other standby. */
export interface Roles {
  primary: string;
  decider: string;
  standby: string;
}

export interface Shape {
  name: string;
  /** What has to be true while it lasts, and after it. */
  outcome: 'the primary stays' | 'another primary' | 'no writes' | 'either';
  apply(partition: Partition, roles: Roles): Promise<void>;
}

const flapping = { times: 12, everyMs: 250 };

/** One that stands as long as it is left alone, out of one-way cuts. */
function oneWay(cutsOf: (roles: Roles) => [from: string, to: string][]): Shape['apply'] {
  return async (partition, roles) => {
    await Promise.all(cutsOf(roles).map(([from, to]) => partition.cut(from, to)));
  };
}

function pair(pairOf: (roles: Roles) => [left: string, right: string]): Shape['apply'] {
  return (partition, roles) => partition.part(...pairOf(roles));
}

function flaps(cut: Shape['apply']): Shape['apply'] {
  return (partition, roles) => partition.flap(() => cut(partition, roles), flapping);
}

const isolatePrimary: Shape['apply'] = (partition, { primary }) => partition.isolate(primary);
const primaryFromDecider = pair(({ primary, decider }) => [primary, decider]);
const primaryFromStandby = pair(({ primary, standby }) => [primary, standby]);
const deciderFromStandby = pair(({ decider, standby }) => [decider, standby]);

const isolated: Shape[] = [
  { name: 'the primary is cut off', outcome: 'another primary', apply: isolatePrimary },
  {
    name: 'the decider is cut off',
    outcome: 'the primary stays',
    apply: (partition, { decider }) => partition.isolate(decider),
  },
  {
    name: 'the other standby is cut off',
    outcome: 'the primary stays',
    apply: (partition, { standby }) => partition.isolate(standby),
  },
];

const oneDirection: Shape[] = [
  {
    name: 'nobody hears the primary',
    outcome: 'another primary',
    apply: oneWay(({ primary, decider, standby }) => [
      [primary, decider],
      [primary, standby],
    ]),
  },
  {
    name: 'the primary hears nobody',
    outcome: 'another primary',
    apply: oneWay(({ primary, decider, standby }) => [
      [decider, primary],
      [standby, primary],
    ]),
  },
  {
    name: 'the decider does not hear the primary',
    outcome: 'the primary stays',
    apply: oneWay(({ primary, decider }) => [[primary, decider]]),
  },
  {
    name: 'the primary does not hear the decider',
    outcome: 'the primary stays',
    apply: oneWay(({ primary, decider }) => [[decider, primary]]),
  },
  {
    name: 'the standby does not hear the primary',
    outcome: 'the primary stays',
    apply: oneWay(({ primary, standby }) => [[primary, standby]]),
  },
  {
    name: 'the primary does not hear the standby',
    outcome: 'the primary stays',
    apply: oneWay(({ primary, standby }) => [[standby, primary]]),
  },
];

const bothDirections: Shape[] = [
  { name: 'primary and decider apart', outcome: 'the primary stays', apply: primaryFromDecider },
  { name: 'primary and standby apart', outcome: 'the primary stays', apply: primaryFromStandby },
  { name: 'decider and standby apart', outcome: 'the primary stays', apply: deciderFromStandby },
  {
    name: 'everybody alone',
    outcome: 'no writes',
    apply: (partition, { primary, decider, standby }) => partition.split([[primary], [decider], [standby]]),
  },
];

const cutAndHealed: Shape[] = [
  { name: 'the primary flaps', outcome: 'either', apply: flaps(isolatePrimary) },
  { name: 'primary and decider flap', outcome: 'the primary stays', apply: flaps(primaryFromDecider) },
  { name: 'primary and standby flap', outcome: 'the primary stays', apply: flaps(primaryFromStandby) },
  { name: 'decider and standby flap', outcome: 'the primary stays', apply: flaps(deciderFromStandby) },
];

/** Every shape that three hosts can be torn into, and the worst of them flapping. */
export const shapes: Shape[] = [...isolated, ...oneDirection, ...bothDirections, ...cutAndHealed];
