import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { writeDurably } from '@quantadb/engine/shared/durable-file';
import { QuantaError } from '@quantadb/engine/shared/errors';
import { z } from 'zod';
import { application } from './layout.ts';

const secretsSchema = z.object({
  application: z.object({ role: z.string(), database: z.string(), password: z.string() }),
  metadata: z.object({ password: z.string() }),
  console: z.object({
    /** Encrypts what the control plane stores; made once. */
    secret: z.string(),
    admin: z.object({ email: z.string(), password: z.string() }),
    /** Of the command line; null until the console has run once. */
    token: z.string().nullable(),
  }),
});
export type Secrets = z.infer<typeof secretsSchema>;

const passwordBytes = 18;
const secretBytes = 32;

/** What the local system must not forget and nobody else may read (mode 0600): made at the first start. */
export async function ensureSecrets(path: string): Promise<Secrets> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text !== null) return parse(path, text);
  const password = () => randomBytes(passwordBytes).toString('base64url');
  const secrets: Secrets = {
    application: { ...application, password: password() },
    metadata: { password: password() },
    console: {
      secret: randomBytes(secretBytes).toString('hex'),
      admin: { email: 'admin@quantadb.local', password: password() },
      token: null,
    },
  };
  await saveSecrets(path, secrets);
  return secrets;
}

export function saveSecrets(path: string, secrets: Secrets): Promise<void> {
  return writeDurably(path, JSON.stringify(secrets, null, 2));
}

/** Null for somebody who may not read them, or where there is no local system. */
export async function readSecrets(path: string): Promise<Secrets | null> {
  const text = await readFile(path, 'utf8').catch(() => null);
  return text === null ? null : parse(path, text);
}

function parse(path: string, text: string): Secrets {
  try {
    return secretsSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new QuantaError('CONFIG_INVALID', `${path} is not understood`, {
      cause: error,
      hint: 'It is of another version. Move QUANTADB_HOME away, or start the version that made it.',
    });
  }
}
