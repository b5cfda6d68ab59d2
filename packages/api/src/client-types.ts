/** Types for those who call this API: no code comes with them. */
export type { ClusterStatus, NodeStatus } from '@quantadb/engine/contract/status';
export type { BriefStatus, LiveStatus } from './clusters/live-status.ts';
export type { HistoryKind } from './clusters/registry.ts';
export type { Watch } from './live/live.ts';
export type { AppRouter } from './trpc/router.ts';
