import { query, terminate } from '../protocol/build.ts';
import { RawClient, textOf } from './raw-client.ts';
import { application } from './router-fixture.ts';
import { tables } from './transcript-corpus.ts';
import type { Session } from './transcript-turns.ts';

/** How the bytes of a turn are divided into packets. */
export type Cut =
  | { kind: 'none' }
  /** One cut, there. */
  | { kind: 'at'; offset: number }
  | { kind: 'every-byte' };

export const parameters: [string, string][] = [
  ['user', application.role],
  ['database', application.database],
  ['application_name', 'transcripts'],
];

/** What a server, or a router, answers to a session, one line per message. */
export async function transcriptOf(port: number, session: Session, cut: Cut): Promise<string[]> {
  const client = await RawClient.login(port, parameters);
  const lines: string[] = [];
  const number = String(++sessionsSoFar).padStart(6, '0');
  for (const { send, count, type } of session.turns) {
    const bytes = withNumber(Buffer.concat(send), number);
    if (cut.kind === 'at') await client.sendCut(bytes, Math.min(cut.offset, bytes.length));
    else if (cut.kind === 'every-byte') await client.sendSingly(bytes);
    else client.send(bytes);
    lines.push(...(await client.until((answer) => answer.type === type, count)).map(textOf), '--');
  }
  const used = tables.filter((table) =>
    session.turns.some(({ send }) => Buffer.concat(send).includes(table)),
  );
  client.send(terminate);
  client.destroy();
  if (used.length > 0) await drop(port, used);
  return lines;
}

/** What an earlier session has prepared, with a table that is another one now, is not this one's (docs/router.md). */
let sessionsSoFar = 0;

function withNumber(bytes: Buffer, number: string): Buffer {
  return Buffer.from(bytes.toString('latin1').replaceAll('000000', number), 'latin1');
}

async function drop(port: number, names: readonly string[]): Promise<void> {
  const client = await RawClient.login(port, parameters);
  // The backend of a client that has just gone may still hold its table.
  client.send(query(`DROP TABLE IF EXISTS ${names.join(', ')}`));
  await client.ready();
  client.send(terminate);
  client.destroy();
}

/** As long as the longest of its turns: cut there, every message of it has been cut at every byte. */
export function offsetsOf(session: Session): number {
  return Math.max(...session.turns.map(({ send }) => Buffer.concat(send).length)) - 1;
}
