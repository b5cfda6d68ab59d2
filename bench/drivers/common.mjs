import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const { PGHOST: host, PGPORT, PGUSER: user, PGPASSWORD: password, PGDATABASE: database } = process.env;
export const config = { host, port: Number(PGPORT), user, password, database };
export const url = `postgresql://${user}:${password}@${host}:${PGPORT}/${database}`;
export const equal = assert.deepEqual;

/** Four at a time, over fewer server connections. */
export function everybody(work) {
  return Promise.all([1, 2, 3, 4].map(work));
}

/** The last line of a script: which version of its driver has done all of it. */
export function version(name) {
  const require = createRequire(process.env.DRIVER_ROOT ?? import.meta.url);
  let directory = dirname(require.resolve(name));
  for (;;) {
    try {
      const found = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
      if (found.name === name) {
        console.log(found.version);
        return;
      }
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
    directory = dirname(directory);
  }
}
