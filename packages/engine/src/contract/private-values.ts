/**
 * What carries values of settings, or lines of pg_hba.conf, beside the settings themselves (pure): operations and events say what
 * was changed to what. They may name servers and passwords of others, so not everybody who may look sees them.
 */

export const hiddenWords = '(hidden)';

export const privateKinds = ['set-parameters', 'set-access'] as const;
export type PrivateKind = (typeof privateKinds)[number];

const eventOf: Record<PrivateKind, { kind: string; words: string }> = {
  'set-parameters': { kind: 'parameters', words: 'Parameters were changed; operators see to what.' },
  'set-access': { kind: 'access', words: 'Who may connect was changed; operators see how.' },
};

const isOf = (kinds: readonly PrivateKind[], kind: string): kind is PrivateKind =>
  (kinds as readonly string[]).includes(kind);

/** An operation without its values: what was changed, and not to what. */
export function operationWithoutValues<
  Operation extends {
    kind: string;
    params: Record<string, string | number | boolean | null>;
    steps: readonly { detail: string }[];
    error: string | null;
  },
>(operation: Operation, kinds: readonly PrivateKind[]): Operation {
  if (!isOf(kinds, operation.kind)) return operation;
  return {
    ...operation,
    params: Object.fromEntries(Object.keys(operation.params).map((name) => [name, hiddenWords])),
    // A value that PostgreSQL did not take stands in the reason.
    steps: operation.steps.map((step) => ({ ...step, detail: step.detail === '' ? '' : hiddenWords })),
    error: operation.error === null ? null : hiddenWords,
  };
}

export function eventWithoutValues<Event extends { kind: string; message: string }>(
  event: Event,
  kinds: readonly PrivateKind[],
): Event {
  const told = kinds.find((kind) => eventOf[kind].kind === event.kind);
  if (told) return { ...event, message: eventOf[told].words };
  const failed = kinds.find(
    (kind) => event.kind === 'operation-ended' && event.message.startsWith(`${kind} failed`),
  );
  return failed ? { ...event, message: `${failed} failed; operators see why.` } : event;
}
