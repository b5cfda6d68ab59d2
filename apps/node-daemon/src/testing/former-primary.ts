import { readdir, readFile } from 'node:fs/promises';
import type { RealCluster } from './real-cluster.ts';

/**
 * Kills the primary's host with writes that nobody else has received: the processes that would send them stand still from
 * before the writes on, so nothing of them is on the way either.
 *
 * @returns its name
 */
export async function killPrimaryAhead(cluster: RealCluster): Promise<string> {
  const { name } = await cluster.primary();
  const client = await cluster.connect(name);
  await client.query('SET synchronous_commit = local');
  await client.query('CREATE TABLE IF NOT EXISTS ahead (n int)');
  await holdSenders(cluster, name);
  await client.query('INSERT INTO ahead SELECT generate_series(1, 5000)');
  await client.end();
  await cluster.killNode(name);
  return name;
}

/** The processes that send the primary's WAL stand still from now on: what it writes gets nowhere. */
export async function holdSenders(cluster: RealCluster, primary: string): Promise<void> {
  for (const pid of await sendersOf(cluster, primary)) process.kill(pid, 'SIGSTOP');
}

async function sendersOf(cluster: RealCluster, primary: string): Promise<number[]> {
  const { pids } = await cluster.host(primary).client.node();
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const read = (file: string) => readFile(`/proc/${entry}/${file}`, 'utf8').catch(() => '');
    const [stat, commandLine] = await Promise.all([read('stat'), read('cmdline')]);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (commandLine.includes('walsender') && parent === pids.postgres) found.push(Number(entry));
  }
  if (found.length === 0) throw new Error(`${primary} sends its WAL to nobody`);
  return found;
}
