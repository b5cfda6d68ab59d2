import type { PostmasterStart } from '../../../postgres/postmaster-host.ts';
import { systemClock } from '../../../shared/clock.ts';
import { silentLogger } from '../../../shared/logger.ts';
import { ReaperClient, type ReaperOptions } from '../client.ts';

/** What a test hands to this program as its one argument. */
export interface DaemonProcessArguments {
  reaper: Omit<ReaperOptions, 'logger'>;
  start: PostmasterStart;
  leaseMs: number;
}

/** What this program prints, as one line, once PostgreSQL is started and the deadline renewed for the first time. */
export interface DaemonProcessReady {
  reaperPid: number;
  postmasterPid: number;
}

const renewEveryMs = 100;

/** Stands for a daemon that can be killed or stopped: starts PostgreSQL and goes on renewing the deadline. */
const given = JSON.parse(process.argv[2] ?? '') as DaemonProcessArguments;
const client = await ReaperClient.connectOrSpawn({ ...given.reaper, logger: silentLogger });
const { pid } = await client.start(given.start);
const renew = () => client.arm(systemClock.monotonicMs() + given.leaseMs);
await renew();
const ready: DaemonProcessReady = { reaperPid: client.reaperPid, postmasterPid: pid };
console.log(JSON.stringify(ready));
setInterval(() => void renew(), renewEveryMs);
