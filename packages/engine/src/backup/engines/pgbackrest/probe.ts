import { randomUUID } from 'node:crypto';
import { runCommand } from '../../../postgres/command.ts';
import type { EnginePlace } from '../../engine.ts';
import { failureOf } from './failures.ts';

export type ProbeAnswer = { ok: true } | { ok: false; detail: string; hint: string };

/** An endpoint that does not answer is tried by the program for a minute; nobody looks at a form for so long. */
const stepDeadlineMs = 9000;
const ioDeadlineSeconds = 2;

/**
 * Writes a small file into the repository, reads it and removes it again, by the program that makes the backups: what works
 * here works there. The configuration must not encrypt, so that what is read is what was written.
 */
export async function probeRepository(place: EnginePlace): Promise<ProbeAnswer> {
  const mark = randomUUID();
  const path = `quantadb-test-${mark}`;
  const run = (args: string[], input?: string) =>
    runCommand({
      file: place.program,
      args: [
        `--config=${place.configFile}`,
        `--stanza=${place.stanza}`,
        '--log-level-stderr=warn',
        `--io-timeout=${ioDeadlineSeconds}`,
        ...args,
      ],
      osUser: place.osUser,
      timeoutMs: stepDeadlineMs,
      diesWithUs: true,
      ...(input === undefined ? {} : { input }),
    });
  const steps = [
    { what: 'writing', args: ['repo-put', path], input: mark, wanted: null },
    { what: 'reading', args: ['repo-get', path], input: undefined, wanted: mark },
    { what: 'deleting', args: ['repo-rm', path], input: undefined, wanted: null },
  ];
  for (const { what, args, input, wanted } of steps) {
    const { code, stdout, stderr } = await run(args, input);
    if (code !== 0) return failed(what, code, stderr);
    if (wanted !== null && stdout !== wanted)
      return {
        ok: false,
        detail: 'What was read is not what was written.',
        hint: 'Look for a proxy or cache.',
      };
  }
  return { ok: true };
}

function failed(what: string, code: number | null, log: string): ProbeAnswer {
  const { detail, hint } = failureOf(code, log);
  return { ok: false, detail: `${what}: ${detail}`.slice(0, 1000), hint };
}
