import type { Client, ClientPathsWithMethod, MaybeOptionalInit, MethodResponse } from 'openapi-fetch';
import type { paths } from './generated/api.ts';

export type Method = 'get' | 'post' | 'delete';
export type Api = Client<paths, 'application/json'>;

/** The paths of the API that take a method, as `/clusters/{clusterId}`. */
export type PathOf<M extends Method> = ClientPathsWithMethod<Api, M>;

/** `params` (path and query) and `body`, as a path wants them. */
export type InitOf<M extends Method, P extends PathOf<M>> = NonNullable<MaybeOptionalInit<paths[P], M>>;

/** What a path answers. */
export type AnswerOf<M extends Method, P extends PathOf<M>> = MethodResponse<Api, M, P>;

/** What every request may be told besides. */
export interface RequestOptions {
  signal?: AbortSignal | null;
  /** Instead of the client's own. */
  deadlineMs?: number;
}

export interface ChangeOptions extends RequestOptions {
  /**
   * The request happens once, however often it is sent: it carries an `Idempotency-Key`, and is sent again when the
   * connection breaks. `true` makes a key; a text is the key itself, for programs that must go on after a crash. The console
   * keeps at most 1,000 keys of one token for a day.
   */
  once?: boolean | string;
}

/** The arguments after the path: none are needed where the API needs none. */
export type Args<M extends Method, P extends PathOf<M>, O extends RequestOptions> =
  Record<never, never> extends InitOf<M, P> ? [init?: InitOf<M, P> & O] : [init: InitOf<M, P> & O];

/** One element of what a list answers. */
export type ElementOf<P extends PathOf<'get'>> = AnswerOf<'get', P> extends readonly (infer E)[] ? E : never;

export type Operation = AnswerOf<'get', '/operations/{id}'>;
export type Cluster = AnswerOf<'get', '/clusters'>[number];
/** What an operation is asked for, as `{ kind: 'switchover', to: null }`. */
export type Intent = InitOf<'post', '/clusters/{clusterId}/operations/plan'>['body']['intent'];
export type Plan = AnswerOf<'post', '/clusters/{clusterId}/operations/plan'>;
