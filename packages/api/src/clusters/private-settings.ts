import type { SettingsOverview } from '@quantadb/engine/contract/settings-view';

const hidden = '(hidden)';

/** What PostgreSQL would not show to everybody is not for those who may only look either (pure): an extension's setting may be a secret. */
export function withoutPrivate(overview: SettingsOverview): SettingsOverview {
  const settings = overview.settings.map((setting) =>
    setting.isPrivate ? { ...setting, value: hidden, builtIn: null, differs: [] } : setting,
  );
  const isPrivate = new Set(settings.filter((setting) => setting.isPrivate).map(({ name }) => name));
  const agreed = Object.entries(overview.agreed).map(([name, value]) => [
    name,
    isPrivate.has(name) ? hidden : value,
  ]);
  return { ...overview, settings, agreed: Object.fromEntries(agreed) };
}
