import type { ClusterStatus, NodeStatus } from '@quantadb/api/client-types';
import type { Tone } from '@quantadb/ui/patterns/status';

/** How states are said and shown, in one place (pure). */

export const healthTones: Record<ClusterStatus['health'], Tone> = {
  healthy: 'good',
  degraded: 'warning',
  down: 'critical',
};

export const healthWords: Record<ClusterStatus['health'], string> = {
  healthy: 'Healthy',
  degraded: 'Degraded',
  down: 'Down',
};

const stateTones: Record<NodeStatus['state'], Tone> = {
  running: 'good',
  streaming: 'good',
  delayed: 'good',
  voting: 'good',
  routing: 'good',
  'catching-up': 'working',
  cloning: 'working',
  rewinding: 'working',
  starting: 'working',
  promoting: 'working',
  waiting: 'warning',
  'read-only': 'warning',
  fenced: 'warning',
  stopped: 'critical',
  unreachable: 'critical',
};

export function nodeTone(node: NodeStatus): Tone {
  return node.maintenance && stateTones[node.state] === 'good' ? 'muted' : stateTones[node.state];
}

export function nodeWords(node: NodeStatus): string {
  return node.state === 'running' ? 'takes writes' : node.state.replace('-', ' ');
}

/** Which nodes to bring back when `needed` of them suffice. */
export function someOfWords(names: readonly string[], needed: number): string {
  const conjunction = needed >= names.length ? 'and' : 'or';
  if (conjunction === 'or' && needed > 1) return `${needed} of ${names.join(', ')}`;
  const last = names.at(-1) ?? 'nobody';
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} ${conjunction} ${last}`;
}

const healthOrder: Record<ClusterStatus['health'], number> = { down: 0, degraded: 1, healthy: 2 };

type Named = Pick<ClusterStatus, 'name' | 'health'>;

/** What needs attention comes first; among equals by name. */
export function byAttention(left: Named, right: Named): number {
  return healthOrder[left.health] - healthOrder[right.health] || left.name.localeCompare(right.name);
}

export function severityTone(severity: string): Tone {
  if (severity === 'critical') return 'critical';
  return severity === 'warning' ? 'warning' : 'muted';
}
