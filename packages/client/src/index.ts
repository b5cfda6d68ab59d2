export { type ConnectOptions, QuantaClient, type WaitOptions } from './client.ts';
export type { components, operations, paths } from './generated/api.ts';
export { ProblemError, UnreachableError } from './problem.ts';
export type {
  AnswerOf,
  ChangeOptions,
  Cluster,
  InitOf,
  Intent,
  Operation,
  PathOf,
  Plan,
  RequestOptions,
} from './types.ts';
