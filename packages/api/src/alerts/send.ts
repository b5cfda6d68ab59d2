import { createHmac } from 'node:crypto';
import { createTransport } from 'nodemailer';
import type { ChannelConfig } from './channel-config.ts';
import { type Message, plainText, slackPayload, subjectLine } from './message.ts';

const deadlineMs = 10_000;

export interface Parcel {
  /** The same for every attempt: who gets it twice can tell. */
  deliveryId: string;
  message: Message;
  signal?: AbortSignal;
}

/**
 * One attempt to reach the other side.
 *
 * @throws Error in words for people
 */
export async function send(config: ChannelConfig, parcel: Parcel): Promise<void> {
  switch (config.kind) {
    case 'webhook': {
      const body = JSON.stringify(parcel.message);
      const timestamp = String(Math.floor(Date.now() / 1000));
      const signed = config.secret === null ? {} : signature(config.secret, timestamp, body);
      return post(config.url, body, {
        headers: { 'x-quantadb-delivery': parcel.deliveryId, 'x-quantadb-timestamp': timestamp, ...signed },
        parcel,
      });
    }
    case 'slack':
      return post(config.url, JSON.stringify(slackPayload(parcel.message)), { headers: {}, parcel });
    case 'email':
      return mail(config, parcel);
  }
}

/** HMAC-SHA256 over the timestamp, a dot, and the body as it is sent: an old message cannot be sent again as a new one. */
export function signature(secret: string, timestamp: string, body: string): Record<string, string> {
  const hmac = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
  return { 'x-quantadb-signature': `sha256=${hmac}` };
}

async function post(
  url: string,
  body: string,
  { headers, parcel }: { headers: Record<string, string>; parcel: Parcel },
): Promise<void> {
  const deadline = AbortSignal.timeout(deadlineMs);
  const response = await fetch(url, {
    ...{ method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } },
    // A redirect would carry the message, and its signature, to where nobody has agreed to.
    redirect: 'manual',
    signal: parcel.signal ? AbortSignal.any([deadline, parcel.signal]) : deadline,
  }).catch((error: unknown) => {
    throw new Error(reasonOf(error), { cause: error });
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`the other side answered ${response.status}`);
}

async function mail(
  { host, port, security, verifyTls, login, from, to }: Extract<ChannelConfig, { kind: 'email' }>,
  { message, deliveryId }: Parcel,
): Promise<void> {
  const transport = createTransport({
    ...{
      host,
      port,
      secure: security === 'tls',
      requireTLS: security === 'starttls',
      ignoreTLS: security === 'none',
    },
    ...(login ? { auth: { user: login.user, pass: login.password } } : {}),
    ...{ connectionTimeout: deadlineMs / 2, greetingTimeout: deadlineMs / 2, socketTimeout: deadlineMs },
    tls: { rejectUnauthorized: verifyTls },
  });
  try {
    const headers = { 'x-quantadb-delivery': deliveryId };
    await transport.sendMail({ from, to, subject: subjectLine(message), text: plainText(message), headers });
  } finally {
    transport.close();
  }
}

/** What is behind "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${deadlineMs / 1000} s`;
  return error.cause instanceof Error ? error.cause.message : error.message;
}
