import { QuantaError } from '@quantadb/engine/shared/errors';

/** Something that must be put right before anything is touched, with what to do about it. */
export interface Problem {
  message: string;
  nextStep: string;
}

/**
 * All problems at once: nobody wants to find them one start at a time.
 *
 * @throws QuantaError PREFLIGHT_FAILED when there is one
 */
export function refuseAll(problems: Problem[]): void {
  if (problems.length === 0) return;
  const message = problems.map((problem) => problem.message).join('\n');
  const nextSteps = new Set(problems.map((problem) => problem.nextStep));
  throw new QuantaError('PREFLIGHT_FAILED', message, {
    hint: [...nextSteps].join('\n'),
  });
}
