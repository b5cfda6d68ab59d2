import { readdir, readFile } from 'node:fs/promises';
import type { RealCluster } from './real-cluster.ts';

/**
 * Kills the primary's host with writes that nobody else has received: the processes that receive WAL on its standbys stand
 * still meanwhile.
 *
 * @returns its name
 */
export async function killPrimaryAhead(cluster: RealCluster): Promise<string> {
  const { name } = await cluster.primary();
  const client = await cluster.connect(name);
  await client.query('SET synchronous_commit = local');
  await client.query('CREATE TABLE IF NOT EXISTS ahead (n int)');
  const receivers = await receiversOf(cluster, name);
  for (const pid of receivers) process.kill(pid, 'SIGSTOP');
  await client.query('INSERT INTO ahead SELECT generate_series(1, 5000)');
  await client.end();
  await cluster.killNode(name);
  for (const pid of receivers) process.kill(pid, 'SIGCONT');
  return name;
}

async function receiversOf(cluster: RealCluster, primary: string): Promise<number[]> {
  const standbys = [...cluster.hosts.values()].filter((host) => host.config.name !== primary);
  const reports = await Promise.all(standbys.map((host) => host.client.node()));
  const postmasters = new Set(reports.map((report) => report.pids.postgres));
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const read = (file: string) => readFile(`/proc/${entry}/${file}`, 'utf8').catch(() => '');
    const [stat, commandLine] = await Promise.all([read('stat'), read('cmdline')]);
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (commandLine.includes('walreceiver') && postmasters.has(parent)) found.push(Number(entry));
  }
  return found;
}
