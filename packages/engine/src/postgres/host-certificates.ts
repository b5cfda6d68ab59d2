import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { filesOf, type NodePlace } from './layout.ts';
import { ensureOwnedDirectory, syncDirectory, writeOwnedFile } from './owned-file.ts';

/**
 * Copies of the host's certificate for PostgreSQL, which insists on owning its private key. Called at every start and
 * after a renewal; a reload makes the server use the new ones.
 */
export async function copyCertificates(place: NodePlace): Promise<void> {
  const { serverStateDir, tlsDir } = filesOf(place);
  await ensureOwnedDirectory(serverStateDir, { osUser: place.osUser, mode: 0o700 });
  await ensureOwnedDirectory(tlsDir, { osUser: place.osUser, mode: 0o700 });
  const copies = [
    { from: place.tls.ca, to: 'ca.crt', mode: 0o644 },
    { from: place.tls.cert, to: 'host.crt', mode: 0o644 },
    { from: place.tls.key, to: 'host.key', mode: 0o600 },
  ];
  for (const { from, to, mode } of copies) {
    await writeOwnedFile(join(tlsDir, to), await readFile(from), { osUser: place.osUser, mode });
  }
}

const receiverKeyPattern = /^receiver-[0-9a-f-]{36}\.key$/;

/**
 * Makes the key under a fresh name for the WAL receiver of one upstream, and takes away every older name. A receiver
 * that PostgreSQL starts with outdated connection settings then finds no key and cannot connect: that is what makes
 * "the receiver does not come back" certain instead of likely.
 *
 * @returns the file's name in the TLS directory
 */
export async function issueReceiverKey(place: NodePlace): Promise<string> {
  const { tlsDir } = filesOf(place);
  const name = `receiver-${randomUUID()}.key`;
  await withdrawReceiverKeys(place);
  await link(join(tlsDir, 'host.key'), join(tlsDir, name));
  await syncDirectory(tlsDir);
  return name;
}

/** No new WAL receiver can authenticate after this. One that is connected goes on until its process ends. */
export async function withdrawReceiverKeys(place: NodePlace): Promise<void> {
  const { tlsDir } = filesOf(place);
  const keys = (await listNames(tlsDir)).filter((name) => receiverKeyPattern.test(name));
  for (const name of keys) await rm(join(tlsDir, name), { force: true });
  if (keys.length > 0) await syncDirectory(tlsDir);
}

/** Nothing for a node whose server was never started: it has no directory yet, and no key either. */
async function listNames(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
