import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '@quantadb/engine/shared/durable-file';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { certifyOperator } from '../enrol.ts';

/**
 * A certificate for a person, which stays good while the console is away.
 *
 * @param pki where `--node` looks for it
 * @throws QuantaError REFUSED when one is there already, and whatever the console refuses with
 */
export async function enrolOperator(
  pki: string,
  options: { url: string; token: string; name: string; fingerprint: string },
): Promise<void> {
  const certificate = join(pki, 'operator.crt');
  if (await stat(certificate).catch(() => null)) {
    throw new QuantaError('REFUSED', `${certificate} is there already`, {
      hint: 'Move it away with its key first, or name another --home.',
    });
  }
  const enrolled = await certifyOperator(options);
  await mkdir(pki, { recursive: true, mode: 0o700 });
  await writeDurably(join(pki, 'operator.key'), enrolled.key);
  await writeDurably(join(pki, 'ca.crt'), enrolled.authority);
  await writeDurably(certificate, enrolled.certificate);
}
