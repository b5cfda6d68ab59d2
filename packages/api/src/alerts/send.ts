import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import { createConnection } from 'node:net';
import { createTransport } from 'nodemailer';
import { addressGuard } from './address-guard.ts';
import type { ChannelConfig } from './channel-config.ts';
import { type Message, plainText, slackPayload, subjectLine } from './message.ts';

const deadlineMs = 10_000;

export interface Parcel {
  /** The same for every attempt: who gets it twice can tell. */
  deliveryId: string;
  message: Message;
  signal?: AbortSignal;
  /** Of the whole attempt; ten seconds when it is not said. */
  deadlineMs?: number;
}

/**
 * One attempt to reach the other side.
 *
 * @throws Error in words for people, which have nothing secret of the channel in them
 */
export async function send(config: ChannelConfig, parcel: Parcel): Promise<void> {
  const withinMs = parcel.deadlineMs ?? deadlineMs;
  const deadline = AbortSignal.timeout(withinMs);
  const signal = parcel.signal ? AbortSignal.any([deadline, parcel.signal]) : deadline;
  try {
    await attempt(config, parcel, signal);
  } catch (error) {
    // However the other side drags it out.
    if (!deadline.aborted) throw error;
    throw new Error(`no answer within ${withinMs / 1000} s`, { cause: error });
  }
}

async function attempt(config: ChannelConfig, parcel: Parcel, signal: AbortSignal): Promise<void> {
  switch (config.kind) {
    case 'webhook': {
      const body = JSON.stringify(parcel.message);
      const timestamp = String(Math.floor(Date.now() / 1000));
      const signed = config.secret === null ? {} : signature(config.secret, timestamp, body);
      const headers = {
        'x-quantadb-delivery': parcel.deliveryId,
        'x-quantadb-timestamp': timestamp,
        ...signed,
      };
      return post(config.url, body, { headers, signal });
    }
    case 'slack':
      return post(config.url, JSON.stringify(slackPayload(parcel.message)), { headers: {}, signal });
    case 'email':
      return mail(config, parcel, signal);
  }
}

/** HMAC-SHA256 over the timestamp, a dot, and the body as it is sent: an old message cannot be sent again as a new one. */
export function signature(secret: string, timestamp: string, body: string): Record<string, string> {
  const hmac = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
  return { 'x-quantadb-signature': `sha256=${hmac}` };
}

/** A redirect is not followed: it would carry the message, and its signature, to where nobody has agreed to. */
async function post(
  address: string,
  body: string,
  { headers, signal }: { headers: Record<string, string>; signal: AbortSignal },
): Promise<void> {
  const url = new URL(address);
  const { request } = url.protocol === 'https:' ? https : http;
  const sent = request(url, {
    ...{ method: 'POST', signal, agent: false, ...addressGuard(url.hostname) },
    headers: {
      ...{ 'content-type': 'application/json', 'user-agent': 'QuantaDB', ...headers },
      'content-length': Buffer.byteLength(body),
    },
  });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [http.IncomingMessage];
  // What else it says is of no interest.
  response.destroy();
  const { statusCode = 0 } = response;
  if (statusCode < 200 || statusCode > 299) throw new Error(`the other side answered ${statusCode}`);
}

async function mail(
  { host, port, security, verifyTls, login, from, to }: Extract<ChannelConfig, { kind: 'email' }>,
  { message, deliveryId }: Parcel,
  signal: AbortSignal,
): Promise<void> {
  // Its connection is ours, because it ends with the deadline: the library's own ends count from the last byte.
  const connection = createConnection({ host, port, ...addressGuard(host) });
  const end = () => connection.destroy();
  // Whatever becomes of it later is of no interest.
  connection.on('error', () => undefined);
  signal.addEventListener('abort', end);
  try {
    await once(connection, 'connect', { signal });
    const transport = createTransport({
      ...{ host, port, connection, secure: security === 'tls' },
      ...{ requireTLS: security === 'starttls', ignoreTLS: security === 'none' },
      ...(login ? { auth: { user: login.user, pass: login.password } } : {}),
      tls: { rejectUnauthorized: verifyTls },
    });
    const headers = { 'x-quantadb-delivery': deliveryId };
    await transport.sendMail({ from, to, subject: subjectLine(message), text: plainText(message), headers });
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}
