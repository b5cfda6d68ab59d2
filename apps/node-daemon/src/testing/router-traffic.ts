import { createConnection } from 'node:net';
import { buildCancelRequest } from '@quantadb/engine/router/protocol/startup';
import type pg from 'pg';

/** Clients of a router, and what each of them was told. */

export interface Told {
  acknowledged: number[];
  errors: string[];
  longestMs: number;
}

/** Writes through one router, one transaction after the other, until told to stop. */
export function write(client: pg.Client, id: number, isOver: () => boolean): Promise<Told> {
  const told: Told = { acknowledged: [], errors: [], longestMs: 0 };
  const once = async (n: number) => {
    const sinceMs = performance.now();
    try {
      if (n % 3 === 0) {
        await client.query('BEGIN');
        await client.query('INSERT INTO kept (client, n) VALUES ($1, $2)', [id, n]);
        await client.query('SELECT pg_sleep(0.02)');
        await client.query('COMMIT');
      } else {
        const text = 'INSERT INTO kept (client, n) VALUES ($1, $2)';
        await client.query({ name: 'insert', text, values: [id, n] });
      }
      told.acknowledged.push(n);
    } catch (error) {
      told.errors.push(`${(error as { code?: string }).code} ${(error as Error).message}`);
      await client.query('ROLLBACK').catch((failure: Error) => told.errors.push(failure.message));
    }
    told.longestMs = Math.max(told.longestMs, performance.now() - sinceMs);
  };
  return (async () => {
    for (let n = 0; !isOver(); n++) await once(n);
    return told;
  })();
}

/** Short transactions, one after the other, of somebody who is to hear what becomes of each COMMIT. */
export async function commit(client: pg.Client, id: number, isOver: () => boolean) {
  const told = { committed: [] as number[], rolledBack: [] as number[], unknown: [] as number[] };
  for (let n = 0; !isOver(); n++) {
    try {
      await client.query('BEGIN');
      await client.query('INSERT INTO kept (client, n) VALUES ($1, $2)', [id, n]);
    } catch {
      await client.query('ROLLBACK').catch(() => undefined);
      continue;
    }
    const code = await client.query('COMMIT').then(
      () => 'done',
      (error: { code?: string }) => error.code,
    );
    if (code === 'done') told.committed.push(n);
    else if (code === '40001') told.rolledBack.push(n);
    else told.unknown.push(n);
    if (code !== 'done') await client.query('ROLLBACK').catch(() => undefined);
  }
  return told;
}

/** As drivers ask for it: over a connection of its own. */
export async function cancel(port: number, processId: number, secret: number): Promise<void> {
  const key = Buffer.alloc(4);
  key.writeInt32BE(secret);
  const socket = createConnection({ host: '127.0.0.1', port });
  socket.end(buildCancelRequest(processId, key));
  await new Promise((resolve) => socket.on('close', resolve).resume());
}

/** New clients, one after the other, as long as the work goes on. @returns what went wrong */
export async function knockDuring(
  connect: () => Promise<pg.Client>,
  work: () => Promise<unknown>,
): Promise<string[]> {
  const errors: string[] = [];
  let isOver = false;
  let count = 0;
  const knocking = (async () => {
    for (; !isOver; count++) {
      const client = await connect().catch((error: Error) => void errors.push(error.message));
      if (!client) await new Promise((resolve) => setTimeout(resolve, 10));
      await client?.query('SELECT 1').catch((error: Error) => errors.push(error.message));
      await client?.end();
    }
  })();
  await work();
  isOver = true;
  await knocking;
  process.stdout.write(`${count} clients came meanwhile, ${errors.length} in vain\n`);
  return errors;
}
