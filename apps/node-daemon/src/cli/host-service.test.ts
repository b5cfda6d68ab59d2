import { expect, it } from 'vitest';
import { unitNameOf, unitText } from './host-service.ts';

const parts = {
  host: 'node-1',
  node: '/usr/bin/node',
  command: '/opt/quanta db/bin/quantadb.mjs',
  configFile: '/var/lib/100%/host.json',
};

const lines = unitText(parts).split('\n');
const setting = (name: string) => lines.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);

it('a service runs the daemon, and leaves PostgreSQL and its reaper alone when only the daemon ends', () => {
  expect(unitNameOf('node-1')).toBe('quantadb-node-1.service');
  expect(setting('ExecStart')).toBe(
    '"/usr/bin/node" "/opt/quanta db/bin/quantadb.mjs" host run "/var/lib/100%%/host.json"',
  );
  expect(setting('KillMode')).toBe('process');
  expect(setting('Restart')).toBe('always');
  expect(setting('ExecReload')).toBe('/bin/kill -TERM $MAINPID');
});

it('stopping a service stops PostgreSQL cleanly first', () => {
  expect(setting('ExecStop')).toBe(
    `/bin/sh -c 'test -z "$$MAINPID" || exec "$$@"' stop "/usr/bin/node" "/opt/quanta db/bin/quantadb.mjs" host stop "/var/lib/100%%/host.json"`,
  );
  // A daemon that ends by itself is replaced within the lease.
  expect(setting('RestartSec')).toBe('100ms');
  expect(Number(setting('TimeoutStopSec'))).toBeGreaterThan(55);
});
