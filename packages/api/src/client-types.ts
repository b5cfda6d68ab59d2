/** Types for those who call this API: no code comes with them. */
export type { ClusterStatus, NodeStatus } from '@quantadb/engine/contract/status';
export type { HistoryKind, LiveStatus } from './clusters/registry.ts';
export type { AppRouter } from './trpc/router.ts';
