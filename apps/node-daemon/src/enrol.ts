import {
  type EnrolmentAnswer,
  type EnrolmentRequest,
  enrolmentAnswerSchema,
} from '@quantadb/engine/contract/link';
import { fingerprintOf } from '@quantadb/engine/security/certificate';
import { createCertificateRequest } from '@quantadb/engine/security/pki';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { callConsole } from './console-api.ts';

export interface EnrolOptions extends Omit<EnrolmentRequest, 'certificateRequest' | 'expectedAuthority'> {
  /** The console, as its users reach it. */
  url: string;
  /** Of the installation's authority, as the console showed it: proves that the answer comes from there. */
  fingerprint: string;
}

export interface Enrolled extends EnrolmentAnswer {
  key: string;
}

const anotherToken = 'Make another one in the console: Hosts, Enrol a host. Each is good for one host, once.';

/**
 * Exchanges a one-time token for a certificate. The key is made here and never leaves this machine.
 *
 * @throws QuantaError UNAUTHORIZED for a refused token or an authority with another fingerprint, PEER_UNREACHABLE
 */
export async function enrol(options: EnrolOptions): Promise<Enrolled> {
  const { url, fingerprint, ...request } = options;
  const { requestPem, keyPem } = await createCertificateRequest(options.name);
  const body = { ...request, certificateRequest: requestPem, expectedAuthority: fingerprint };
  const call = { method: 'POST' as const, path: '/api/v1/enrol', body, strangerHint: anotherToken };
  const answer = await callConsole({ url, token: null }, call);
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
  const { url, token } = options;
  const path = '/api/v1/operator-certificates';
  const answer = await callConsole({ url, token }, { method: 'POST', path, body });
  return { ...checkAuthority(answer, options.fingerprint), key: keyPem };
}

function checkAuthority(raw: unknown, fingerprint: string): EnrolmentAnswer {
  const answer = enrolmentAnswerSchema.safeParse(raw);
  if (!answer.success) throw new QuantaError('PROTOCOL_VIOLATION', 'the console answered in an unknown way');
  if (fingerprintOf(answer.data.authority) === fingerprint) return answer.data;
  throw new QuantaError('UNAUTHORIZED', 'the authority that answered has another fingerprint', {
    hint: 'Compare the fingerprint with the one that the console shows, and check the address: something else may have answered. Nothing was installed here; a token of one host is used up.',
  });
}
