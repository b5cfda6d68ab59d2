import type { OperationStep } from '../contract/cluster-state.ts';
import { backupOperationSteps } from './plan-backup.ts';

/** The steps of each operation, in order: what is shown in the plan and what runs. */
export const operationSteps = {
  'create-cluster': [
    'Initialise PostgreSQL',
    'Grant the first reign',
    'Open for writes',
    'Create the application role',
  ],
  'adopt-server': [
    'Check the server',
    'Add QuantaDB’s roles',
    'Stop it and take it over',
    'Grant the first reign',
    'Open for writes',
  ],
  'add-node': [
    'Check the host',
    'Register the node',
    'Join the Raft group',
    'Clone the data',
    'Make it a voter',
    'Join the synchronous set',
  ],
  'remove-node': [
    'Leave the synchronous set',
    'Take it out of service',
    'Stop PostgreSQL there',
    'Leave the Raft group',
    'Forget the node',
  ],
  'replace-node': [
    'Check the host',
    'Register the node',
    'Join the Raft group',
    'Clone the data',
    'Make it a voter',
    'Join the synchronous set',
    'Take the old node out of the synchronous set',
    'Take it out of service',
    'Stop PostgreSQL there',
    'Take it out of the Raft group',
    'Forget the old node',
  ],
  switchover: [
    'Check the candidate',
    'Prepare the primary',
    'Stop the primary cleanly',
    'Grant the new reign',
    'Open for writes',
  ],
  'set-maintenance': ['Mark the node'],
  'set-durability': ['Change the durability', 'Wait until it holds'],
  'restart-node': ['Restart PostgreSQL', 'Wait until it streams'],
  'rolling-restart': [
    'Restart the standbys',
    'Check the candidate',
    'Prepare the primary',
    'Stop the primary cleanly',
    'Grant the new reign',
    'Open for writes',
    'Wait for the former primary',
  ],
  'upgrade-postgres': [
    'Check the programs',
    'Upgrade the standbys',
    'Check the candidate',
    'Prepare the primary',
    'Stop the primary cleanly',
    'Grant the new reign',
    'Open for writes',
    'Wait for the former primary',
  ],
  'restart-daemons': ['Replace the daemons one by one', 'Agree on what they know'],
  'reinitialise-node': ['Give up its data', 'Clone the data'],
  'set-node': ['Set the node'],
  'set-own-durability': ['Write it down on the primary'],
  'set-router': ['Change the settings'],
  'set-parameters': ['Check the parameters', 'Change them', 'Tell every node'],
  ...backupOperationSteps,
  'schedule-operation': ['Write it down'],
  'unschedule-operation': ['Take it back'],
  'restore-cluster': ['Restore the data', 'Grant the first reign', 'Open for writes'],
  'create-standby-cluster': ['Check the source', 'Clone the data'],
  'promote-cluster': [
    'Check the source',
    'Stop following',
    'Grant the first reign',
    'Open for writes',
    'Let the source know',
  ],
} as const;

export function pendingSteps(kind: keyof typeof operationSteps): OperationStep[] {
  return operationSteps[kind].map((name) => ({
    name,
    state: 'pending',
    detail: '',
    startedAtMs: null,
    endedAtMs: null,
  }));
}
