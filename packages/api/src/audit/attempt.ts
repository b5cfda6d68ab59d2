import { type ErrorCode, messageOf, QuantaError, withNextStep } from '@quantadb/engine/shared/errors';
import type { Services } from '../services.ts';
import type { AuditRecord, AuditSource } from './audit.ts';

type Attempt<Answer> = Omit<AuditRecord, 'outcome' | 'detail'> & {
  ask(): Promise<Answer>;
  ended(answer: Answer): Pick<AuditRecord, 'outcome' | 'detail'>;
};

/** With these nobody has said no: the question, or its answer, was lost on the way. */
const unanswered: ReadonlySet<ErrorCode> = new Set([
  'DEADLINE_EXCEEDED',
  'PEER_UNREACHABLE',
  'PROTOCOL_VIOLATION',
  'NO_QUORUM',
  'UNEXPECTED',
]);

/**
 * Asks the hosts of a cluster for something, and writes down what became of it. Only a refusal is called one: a question that was
 * not answered in time may still be acted upon, a restore in place for example, and the log must lead there.
 */
export async function attempt<Answer>(
  ctx: AuditSource & { services: Services },
  { ask, ended, ...record }: Attempt<Answer>,
): Promise<Answer> {
  const { audit } = ctx.services;
  let answer: Answer;
  try {
    answer = await ask();
  } catch (error) {
    await audit.write(ctx, { ...record, ...failureOf(error) });
    throw error;
  }
  await audit.write(ctx, { ...record, ...ended(answer) });
  return answer;
}

/** (pure) */
export function failureOf(error: unknown): { outcome: 'refused' | 'failed'; detail: string } {
  const message = messageOf(error);
  if (error instanceof QuantaError && !unanswered.has(error.code))
    return { outcome: 'refused', detail: message };
  return { outcome: 'failed', detail: withNextStep(message, 'Whether it took effect is not known.') };
}
