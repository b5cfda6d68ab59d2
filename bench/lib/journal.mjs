// Every finished round is written down at once, so that a run that was interrupted goes on where it was (--resume).

import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export class Journal {
  /** @param {string} name @param {boolean} isResumed without it, an earlier run's rounds are forgotten */
  constructor(name, isResumed) {
    this.path = join(
      process.env.QUANTADB_BENCH_DIR ?? join(tmpdir(), 'quantadb-benchmarks'),
      `${name}.jsonl`,
    );
    mkdirSync(dirname(this.path), { recursive: true });
    if (!isResumed) rmSync(this.path, { force: true });
    this.entries = existsSync(this.path) ? readFileSync(this.path, 'utf8').split('\n').flatMap(parsed) : [];
  }

  add(entry) {
    this.entries.push(entry);
    appendFileSync(this.path, `${JSON.stringify(entry)}\n`);
  }
}

/** The last line of an interrupted run may be torn. */
function parsed(line) {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}
