import {
  type EnrolmentAnswer,
  type EnrolmentRequest,
  enrolmentAnswerSchema,
} from '@quantadb/engine/contract/link';
import { createCertificateRequest, fingerprintOf } from '@quantadb/engine/security/pki';
import { messageOf, QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';

export interface EnrolOptions extends Omit<EnrolmentRequest, 'certificateRequest'> {
  /** The console, as its users reach it. */
  url: string;
  /** Of the installation's authority, as the console showed it: proves that the answer comes from there. */
  fingerprint: string;
}

export interface Enrolled extends EnrolmentAnswer {
  key: string;
}

const deadlineMs = 15_000;
const refusalSchema = z.object({
  message: z.string(),
  data: z.object({ hint: z.string().nullable().optional() }).optional(),
});

/**
 * Exchanges a one-time token for a certificate. The key is made here and never leaves this machine.
 *
 * @throws QuantaError UNAUTHORIZED for a refused token or an authority with another fingerprint, PEER_UNREACHABLE
 */
export async function enrol(options: EnrolOptions): Promise<Enrolled> {
  const { url, fingerprint, ...request } = options;
  const { requestPem, keyPem } = await createCertificateRequest(options.name);
  const answer = await post(url, '/api/v1/enrol', {
    body: { ...request, certificateRequest: requestPem },
    token: null,
  });
  return { ...checkAuthority(answer, fingerprint), key: keyPem };
}

/** A certificate for an operator, for which an administrator's API token is needed. */
export async function certifyOperator(options: {
  url: string;
  token: string;
  name: string;
  fingerprint: string;
}): Promise<Enrolled> {
  const { requestPem, keyPem } = await createCertificateRequest(options.name);
  const body = { name: options.name, certificateRequest: requestPem };
  const answer = await post(options.url, '/api/v1/operator-certificates', { body, token: options.token });
  return { ...checkAuthority(answer, options.fingerprint), key: keyPem };
}

function checkAuthority(raw: unknown, fingerprint: string): EnrolmentAnswer {
  const answer = enrolmentAnswerSchema.safeParse(raw);
  if (!answer.success) throw new QuantaError('PROTOCOL_VIOLATION', 'the console answered in an unknown way');
  if (fingerprintOf(answer.data.authority) === fingerprint) return answer.data;
  throw new QuantaError('UNAUTHORIZED', 'the authority that answered has another fingerprint', {
    hint: 'Check the address of the console: something else may have answered. Nothing was installed.',
  });
}

/** One JSON request to the console's REST API. */
export async function post(
  url: string,
  path: string,
  call: { body: unknown; token: string | null },
): Promise<unknown> {
  const headers = {
    'content-type': 'application/json',
    ...(call.token ? { authorization: `Bearer ${call.token}` } : {}),
  };
  let response: Response;
  try {
    const signal = AbortSignal.timeout(deadlineMs);
    response = await fetch(new URL(path, url), {
      method: 'POST',
      headers,
      body: JSON.stringify(call.body),
      signal,
    });
  } catch (error) {
    throw new QuantaError(
      'PEER_UNREACHABLE',
      `the console at ${url} cannot be reached: ${messageOf(error)}`,
      {
        cause: error,
        hint: 'Is it running, and is the address right?',
      },
    );
  }
  const value: unknown = await response.json().catch(() => null);
  if (response.ok) return value;
  const refusal = refusalSchema.safeParse(value);
  const message = refusal.success
    ? refusal.data.message
    : `the console answered with status ${response.status}`;
  const hint = refusal.success ? refusal.data.data?.hint : null;
  throw new QuantaError(
    response.status === 401 || response.status === 403 ? 'UNAUTHORIZED' : 'REFUSED',
    message,
    hint ? { hint } : {},
  );
}
