/** Words of PostgreSQL's grammar and catalogue that decide what a statement may do. */

export const sessionLocks = new Set([
  'pg_advisory_lock',
  'pg_advisory_lock_shared',
  'pg_try_advisory_lock',
  'pg_try_advisory_lock_shared',
]);

export const writingWords = new Set([
  'insert',
  'update',
  'delete',
  'merge',
  'into',
  'truncate',
  'pg_temp',
  'call',
  'copy',
]);
export const rowLocks = new Set(['update', 'no', 'share', 'key']);
/** Not volatile by the catalogue, and still nothing for another server. */
export const primaryOnly = new Set([
  'txid_current',
  'txid_current_if_assigned',
  'pg_current_xact_id',
  'pg_current_xact_id_if_assigned',
  'pg_backend_pid',
  'lastval',
  'currval',
  'nextval',
  'setval',
  'pg_is_in_recovery',
  'inet_server_addr',
  'inet_server_port',
]);

/** Words before a parenthesis that are no function. */
export const notCalled = new Set(
  [
    'select',
    'from',
    'where',
    'and',
    'or',
    'not',
    'in',
    'as',
    'on',
    'using',
    'values',
    'any',
    'all',
    'some',
    'exists',
  ]
    .concat([
      'by',
      'over',
      'filter',
      'then',
      'else',
      'when',
      'case',
      'union',
      'except',
      'intersect',
      'having',
      'limit',
    ])
    .concat([
      'offset',
      'with',
      'array',
      'row',
      'distinct',
      'within',
      'group',
      'between',
      'like',
      'ilike',
      'is',
      'lateral',
    ])
    .concat([
      'varchar',
      'char',
      'numeric',
      'decimal',
      'time',
      'timestamp',
      'interval',
      'bit',
      'float',
      'character',
    ])
    .concat([
      'materialized',
      'only',
      'rows',
      'cube',
      'rollup',
      'sets',
      'coalesce',
      'nullif',
      'greatest',
      'least',
      'cast',
    ])
    .concat(['extract', 'position', 'trim', 'treat', 'join', 'partition', 'window']),
);

/**
 * Of these, what may be a function's name all the same: PostgreSQL reserves none of them for that. A database that has a
 * function of such a name that may write is one where the word alone says too little.
 */
export const seldomCalled = [
  ...['by', 'cube', 'filter', 'ilike', 'is', 'join', 'like', 'materialized', 'over', 'partition', 'rollup'],
  ...['rows', 'sets', 'within'],
];

/** What CREATE, ALTER and DROP of these change can make a read of a statement that was none, and the other way round. */
export const redefined = new Set([
  ...['aggregate', 'cast', 'domain', 'extension', 'function', 'level', 'operator', 'policy', 'procedure'],
  ...['routine', 'rule', 'schema', 'type', 'view'],
]);
