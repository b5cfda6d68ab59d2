import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { gently } from './gently.ts';

it.runIf(process.platform === 'linux')(
  'a backup is as nice to processes of other sessions as to those of its own, and runs in the place of what was started',
  async () => {
    const [file = '', ...args] = gently({ nice: 13, ioPriority: 'idle' });
    // Its own number, that of its session, and how much its session gives way.
    const said = 'echo $$ $(cut -d " " -f 6 /proc/$$/stat); cat /proc/$$/autogroup; ionice';
    const child = spawn(file, [...args, '/bin/sh', '-c', said], { stdio: ['ignore', 'pipe', 'inherit'] });
    const answer = await text(child.stdout);
    expect(answer).toContain(`${child.pid} ${child.pid}\n`);
    expect(answer).toContain('idle');
    if (existsSync('/proc/self/autogroup')) expect(answer).toMatch(/^\/autogroup-\d+ nice 13$/m);
  },
);
