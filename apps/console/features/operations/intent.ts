import type { AppRouter } from '@quantadb/api/client-types';
import type { inferRouterInputs, inferRouterOutputs } from '@trpc/server';

export type Intent = inferRouterInputs<AppRouter>['operations']['plan']['intent'];
export type Plan = inferRouterOutputs<AppRouter>['operations']['plan'];
export type OperationView = inferRouterOutputs<AppRouter>['operations']['get'];

/** How serious a click is: reversible ones run at once, disruptive ones want a reason. */
export const tiers: Record<Intent['kind'], 'reversible' | 'disruptive'> = {
  'add-node': 'reversible',
  'remove-node': 'disruptive',
  'set-maintenance': 'reversible',
  switchover: 'disruptive',
};

export function titleOf(intent: Intent): string {
  switch (intent.kind) {
    case 'add-node':
      return `Add ${intent.host}`;
    case 'remove-node':
      return `Remove ${intent.node}`;
    case 'switchover':
      return intent.to ? `Make ${intent.to} the primary` : 'Switch over';
    case 'set-maintenance':
      return intent.on ? `Put ${intent.node} in maintenance` : `End maintenance of ${intent.node}`;
  }
}

/** The same change from a terminal. */
export function commandOf(intent: Intent): string {
  switch (intent.kind) {
    case 'add-node':
      return `quantadb node add ${intent.host}`;
    case 'remove-node':
      return `quantadb node remove ${intent.node}`;
    case 'switchover':
      return `quantadb switchover${intent.to ? ` --to ${intent.to}` : ''}`;
    case 'set-maintenance':
      return `quantadb maintenance ${intent.on ? 'on' : 'off'} ${intent.node}`;
  }
}
