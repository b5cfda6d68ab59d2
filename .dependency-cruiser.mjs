// Who may import whom. scripts/fixtures/layering holds one planted violation for every rule; scripts/checks/layering.mjs
// runs both and fails when a rule does not fire there.

// These decide: they take time and chance as arguments, and replay in the simulator.
export const pureFiles = [
  ...['core', 'election', 'replication', 'log', 'confchange'].map((name) => `raft/${name}`),
  ...['progress', 'reads', 'step', 'state'].map((name) => `raft/${name}`),
  ...['decide', 'detect', 'lease'].map((name) => `failover/${name}`),
  ...['state', 'apply-[a-z-]+', 'desire', 'membership', 'plan'].map((name) => `cluster/${name}`),
  ...[
    'catalogue',
    'damage',
    'wal-lines',
    'recovery-plan',
    'retention',
    'schedule',
    'node-choice',
    'job-policy',
    'schedule-words',
  ].map((name) => `backup/${name}`),
  'monitor/verdict',
  'replication/quorum',
  'replication/synchronous',
].map((name) => `^packages/engine/src/${name}[.]ts$`);
const pure = pureFiles.join('|');

const effects = [
  '^(node:)?(fs|net|tls|http|https|http2|dns|os|path|url|events|stream|timers|process|perf_hooks|v8|vm)(/|$)',
];
const test = '([.](test|spec)[.]tsx?$)|(/testing/)|(^e2e/)';

const layers = [
  {
    name: 'engine-imports-nothing-internal',
    from: { path: '^packages/engine/' },
    to: { path: '^(apps|prisma|e2e)/|^packages/(?!engine/)|^@quantadb/' },
  },
  {
    name: 'api-imports-engine-and-prisma',
    from: { path: '^packages/api/' },
    to: { path: '^(apps|e2e)/|^packages/(?!api/|engine/)' },
  },
  {
    name: 'client-stands-alone',
    from: { path: '^packages/client/', pathNot: test },
    to: { path: '^(apps|prisma|e2e)/|^packages/(?!client/)' },
  },
  {
    name: 'ui-imports-react-only',
    from: { path: '^packages/ui/' },
    to: { path: '^(apps|prisma|e2e)/|^packages/(?!ui/)' },
  },
  {
    name: 'ui-is-browser-safe',
    from: { path: '^packages/ui/src/', pathNot: test },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'node-daemon-imports-engine',
    // A test of alerts asks the console's own rules about real clusters.
    from: { path: '^apps/node-daemon/', pathNot: '^apps/node-daemon/src/testing/told-alerts[.]ts$' },
    to: { path: '^apps/(?!node-daemon/)|^(prisma|e2e)/|^packages/(?!engine/)' },
  },
  {
    name: 'console-features-import-ui-and-types-of-api',
    from: { path: '^apps/console/features/', pathNot: test },
    to: { path: '^apps/(?!console/)|^(prisma|e2e)/|^packages/(?!ui/|api/)' },
  },
  {
    name: 'console-touches-api-only-in-server',
    from: { path: '^apps/console/', pathNot: `^apps/console/server[.]ts$|${test}` },
    to: { path: '^packages/api/', dependencyTypesNot: ['type-only'] },
  },
];

const purity = [
  {
    name: 'contract-imports-no-other-folder',
    from: { path: '^packages/engine/src/contract/', pathNot: test },
    to: { path: '^packages/engine/src/(?!contract/)' },
  },
  {
    name: 'contract-is-browser-safe',
    from: { path: '^packages/engine/src/contract/', pathNot: test },
    to: { dependencyTypes: ['core'] },
  },
  { name: 'decisions-use-no-node-module', from: { path: pure }, to: { dependencyTypes: ['core'] } },
  {
    name: 'decisions-use-no-database',
    from: { path: pure },
    to: { path: '(^|node_modules/)(@types/)?pg(-|/|$)' },
  },
];

const hygiene = [
  { name: 'no-circle', from: {}, to: { circular: true } },
  { name: 'everything-resolves', from: { pathNot: '/next-env[.]d[.]ts$' }, to: { couldNotResolve: true } },
  { name: 'production-imports-no-test', from: { pathNot: test }, to: { path: test } },
];

/** Rules about every import, also of types alone. */
export const rules = [...layers, ...purity, ...hygiene].map((rule) => ({ severity: 'error', ...rule }));

/** Rules about what is loaded at run time, through any number of imports. */
export const runtimeRules = [
  {
    name: 'decisions-reach-no-effect',
    severity: 'error',
    from: { path: pure },
    to: { path: effects, reachable: true },
  },
];
