// Loaded into a process beforehand (node --import): profiles its JavaScript from SIGUSR2 on until it ends, because --cpu-prof may
// not stand in NODE_OPTIONS, and begins too early.

import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { join } from 'node:path';

const directory = process.env.QUANTADB_PROFILE_DIR;
process.once('SIGUSR2', () => {
  const session = new Session();
  session.connect();
  session.post('Profiler.enable');
  session.post('Profiler.setSamplingInterval', { interval: 500 });
  session.post('Profiler.start');
  process.once('exit', () => {
    session.post('Profiler.stop', (_error, { profile }) => {
      writeFileSync(join(directory, `console-${process.pid}.cpuprofile`), JSON.stringify(profile));
    });
  });
});
