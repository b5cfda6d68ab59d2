export type StepState = 'done' | 'next' | 'later';

interface Step {
  step: 'admin' | 'host' | 'cluster' | 'connect';
  title: string;
  state: StepState;
  /** A host that the next step could use. */
  detail?: string | undefined;
}

/** How far an installation without a cluster has come (pure); with a cluster nobody needs the list. */
export function firstSteps(hosts: readonly { name: string; state: string; kind: string }[]): Step[] {
  const ready = hosts.find(({ state, kind }) => state === 'available' && kind === 'data');
  return [
    { step: 'admin', title: 'Make the first administrator', state: 'done' },
    { step: 'host', title: 'Enrol a host', state: ready ? 'done' : 'next', detail: ready?.name },
    { step: 'cluster', title: 'Found a cluster on it', state: ready ? 'next' : 'later' },
    { step: 'connect', title: 'Connect', state: 'later' },
  ];
}
