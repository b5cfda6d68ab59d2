import {
  eventWithoutValues as eventWithout,
  hiddenWords as hidden,
  privateKinds,
  operationWithoutValues as withoutValues,
} from '@quantadb/engine/contract/private-values';
import type { SettingsOverview } from '@quantadb/engine/contract/settings-view';

/**
 * What PostgreSQL would not show to everybody is not for those who may only look either (pure): an extension's setting may be a
 * secret, and so may a part of any line of pg_hba.conf.
 */
export function withoutPrivate(overview: SettingsOverview): SettingsOverview {
  const settings = overview.settings.map((setting) =>
    setting.isPrivate ? { ...setting, value: hidden, builtIn: null, differs: [] } : setting,
  );
  const isPrivate = new Set(settings.filter((setting) => setting.isPrivate).map(({ name }) => name));
  const agreed = Object.entries(overview.agreed).map(([name, value]) => [
    name,
    isPrivate.has(name) ? hidden : value,
  ]);
  return { ...overview, settings, agreed: Object.fromEntries(agreed), access: [], isAccessHidden: true };
}

/** Which of the values PostgreSQL hides is known by the running servers only: an operation that carries any shows none. */
export function carriesValues(operationKind: string): boolean {
  return privateKinds.some((kind) => kind === operationKind);
}

/** An operation as those see it who may only look: what was changed, and not to what. */
export function operationWithoutValues<Operation extends Parameters<typeof withoutValues>[0]>(
  operation: Operation,
): Operation {
  return withoutValues(operation, privateKinds);
}

export function eventWithoutValues<Event extends { kind: string; message: string }>(event: Event): Event {
  return eventWithout(event, privateKinds);
}

export function auditWithoutValues<
  Entry extends { action: string; before: unknown; after: unknown; detail: string; outcome: string },
>(entry: Entry): Entry {
  if (!carriesValues(entry.action)) return entry;
  const detail = entry.outcome === 'started' ? entry.detail : hidden;
  return { ...entry, before: null, after: null, detail };
}
