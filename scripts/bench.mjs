import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setUp } from './setup.mjs';

// `npm run bench -- <name> [arguments]`: each benchmark prints one line of JSON.
const directory = new URL('../bench/', import.meta.url);
const [name = '', ...args] = process.argv.slice(2);
const file = fileURLToPath(new URL(`${name}.mjs`, directory));
if (!/^[a-z-]+$/.test(name) || !existsSync(file)) {
  const names = readdirSync(directory).filter((each) => each.endsWith('.mjs'));
  process.stderr.write(`Which one? ${names.map((each) => each.slice(0, -4)).join(', ')}\n`);
  process.exit(2);
}
await setUp({ forTests: false });
process.exitCode = spawnSync(process.execPath, [file, ...args], { stdio: 'inherit' }).status ?? 1;
