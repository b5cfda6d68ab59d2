import type { AppRouter } from '@quantadb/api/client-types';
import type { inferRouterOutputs } from '@trpc/server';

/** What the page draws, worked out from what the nodes told (pure). */

export type Overview = inferRouterOutputs<AppRouter>['clusters']['settings'];
export type Setting = Overview['settings'][number];
/** Null takes a parameter back to PostgreSQL's default. */
export type Changes = Record<string, string | null>;

export const shows = ['all', 'set', 'pending', 'differs', 'editable'] as const;
export type Show = (typeof shows)[number];

const shownMax = 60;

/** Those that fit, by name; every word has to be in the name, the description or the category. */
export function found(
  { settings, agreed }: Overview,
  wanted: { text: string; show: Show },
): { rows: Setting[]; left: number } {
  const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (setting: Setting) => {
    const text = `${setting.name} ${setting.description} ${setting.category}`.toLowerCase();
    return words.every((word) => text.includes(word)) && isShown(setting, wanted.show, agreed);
  };
  const rows = settings.filter(fits);
  // Whoever types a name means that name.
  const isNamed = ({ name }: Setting) => words.length > 0 && words.every((word) => name.includes(word));
  const ordered = [...rows.filter(isNamed), ...rows.filter((row) => !isNamed(row))];
  return { rows: ordered.slice(0, shownMax), left: Math.max(0, rows.length - shownMax) };
}

function isShown(setting: Setting, show: Show, agreed: Record<string, string>): boolean {
  switch (show) {
    case 'all':
      return true;
    case 'set':
      return Object.hasOwn(agreed, setting.name);
    case 'pending':
      return setting.isPending;
    case 'differs':
      return setting.differs.length > 0;
    case 'editable':
      return setting.fixedBecause === null;
  }
}

export function whenText({ context }: Pick<Setting, 'context'>): string {
  if (context === 'postmaster') return 'with a restart';
  if (context === 'backend' || context === 'superuser-backend') return 'for new sessions';
  return context === 'internal' ? 'never' : 'at once';
}

export function needsRestart(overview: Overview, changes: Changes): string[] {
  const names = new Set(Object.keys(changes));
  return overview.settings
    .filter(({ name, context }) => names.has(name) && context === 'postmaster')
    .map(({ name }) => name);
}

/** Nodes whose PostgreSQL still waits for a restart. */
export function pendingNodes(overview: Overview): { name: string; parameters: string[] }[] {
  return overview.nodes.flatMap(({ name, pendingRestart }) =>
    pendingRestart && pendingRestart.length > 0 ? [{ name, parameters: pendingRestart }] : [],
  );
}
