import {
  type AccessChange,
  accessAfter,
  accessChangeSchema,
  accessLinesMax,
  plainLine,
} from '../contract/access.ts';
import type { ClusterState, Operation } from '../contract/cluster-state.ts';
import { whyRefused } from '../postgres/hba-line.ts';
import type { CommandOf, CommandResult } from './commands.ts';
import type { Draft } from './draft.ts';
import type { PlanBody, PlanInput } from './plan-body.ts';

/** Who may connect from where, changed for every node and router of a cluster: what is planned, and what becomes of it (pure). */

const eventCharactersMax = 1000;

export function planAccess({ state }: PlanInput, base: PlanBody, change: AccessChange): PlanBody {
  const lines = state?.hba ?? [];
  const place = change.first ? 'before the others' : 'after the others';
  const parts = [
    change.add.length > 0 ? `add ${quoted(change.add)}, ${place}` : '',
    change.remove.length > 0 ? `remove ${quoted(change.remove)}` : '',
  ];
  return {
    ...base,
    summary: `Change who may connect: ${parts.filter((part) => part !== '').join('; ')}.`,
    warnings: [
      'Connections that are open stay. Usual lines come last: with a password by TLS from anywhere, without TLS from the machine itself.',
      ...(change.add.some(isForReplication)
        ? ['Lines for replication count at the routers: servers themselves let nobody replicate but hosts.']
        : []),
    ],
    refusal: base.refusal ?? whyNotChanged(lines, change),
  };
}

/** Null when it can be; what only PostgreSQL knows is asked of every node afterwards. */
function whyNotChanged(lines: readonly string[], change: AccessChange): string | null {
  const wrong = change.add.map((line) => ({ line, why: whyRefused(line) })).find(({ why }) => why !== null);
  if (wrong) return `“${wrong.line}” is not taken: ${wrong.why}.`;
  const known = new Set(lines.map(plainLine));
  const strange = change.remove.find((line) => !known.has(plainLine(line)));
  if (strange !== undefined) return `“${strange}” is none of the cluster's own lines. See: quantadb access.`;
  const after = accessAfter(lines, change);
  if (after.length > accessLinesMax)
    return `There would be ${after.length} lines, and ${accessLinesMax} are the most.`;
  return after.join('\n') === lines.join('\n') ? 'These lines stand already.' : null;
}

function quoted(lines: readonly string[]): string {
  return lines.map((line) => `“${plainLine(line)}”`).join(', ');
}

function isForReplication(line: string): boolean {
  return plainLine(line).split(' ')[1] === 'replication';
}

export function setAccess({ state, event }: Draft, { lines }: CommandOf<'set-access'>): CommandResult {
  const before = new Set(state.hba);
  const after = new Set(lines);
  const words = [
    ...lines.filter((line) => !before.has(line)).map((line) => `+ ${line}`),
    ...state.hba.filter((line) => !after.has(line)).map((line) => `− ${line}`),
  ];
  state.hba = lines;
  event(
    'info',
    'access',
    `Who may connect was changed: ${words.join(', ') || 'the order of its lines'}.`.slice(
      0,
      eventCharactersMax,
    ),
  );
  return { ok: true };
}

export function accessParams({ add, remove, first }: AccessChange): Operation['params'] {
  return { add: JSON.stringify(add), remove: JSON.stringify(remove), first };
}

/** The lines after the operation. */
export function linesAfter(state: ClusterState, { params }: Operation): string[] {
  const given = { add: JSON.parse(String(params.add)), remove: JSON.parse(String(params.remove)) };
  return accessAfter(state.hba, accessChangeSchema.parse({ ...given, first: params.first }));
}
