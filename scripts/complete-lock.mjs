// Run after `npm install` when the check of the lock file fails: lists binaries of other systems that npm left out.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './lib/files.mjs';
import { completed, gapsOf } from './lib/lock.mjs';

const file = join(root, 'package-lock.json');
const lock = JSON.parse(readFileSync(file, 'utf8'));
for (const { name, version } of gapsOf(lock)) console.log(`adding ${name} ${version}`);
writeFileSync(file, `${JSON.stringify(completed(lock), null, 2)}\n`);
