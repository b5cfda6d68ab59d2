// What the daemons export about their own promptness, and what happened to the reign meanwhile.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const exported = {
  raftFsyncMsMax: { metric: 'quantadb_raft_fsync_seconds_max', keep: Math.max },
  raftLoopDelayMsMax: { metric: 'quantadb_raft_loop_delay_seconds_max', keep: Math.max },
  mainLoopDelayMsMax: { metric: 'quantadb_main_loop_delay_seconds_max', keep: Math.max },
  probeMsMax: { metric: 'quantadb_probe_seconds_max', keep: Math.max },
  leaseRemainingMsMin: { metric: 'quantadb_lease_remaining_seconds_min', keep: Math.min },
};

/** Samples `/metrics` of every daemon; a value the daemon keeps for a minute is lost by no sample a second. */
export class Vitals {
  constructor(cluster, names) {
    this.cluster = cluster;
    this.names = names;
    this.seen = {};
  }

  async sample() {
    await Promise.all(this.names.map((name) => this.sampleNode(name)));
  }

  maxima() {
    return Object.fromEntries(
      Object.keys(exported).map((key) => [
        key,
        this.seen[key] === undefined ? null : Math.round(this.seen[key]),
      ]),
    );
  }

  /** Counted since the cluster began. */
  async history() {
    const { state } = await this.cluster.host(this.names[0]).client.state();
    const status = await this.cluster.until('a Raft leader', (each) => each.raft.leader !== null);
    const failovers = [...state.pastFailovers, ...(state.failover ? [state.failover] : [])].filter(
      (each) => each.kind === 'failover',
    );
    return {
      failovers: failovers.length,
      reasons: failovers.map((each) => each.reason),
      term: status.raft.term,
      leaseLosses: this.names.reduce((sum, name) => sum + this.leaseLosses(name), 0),
    };
  }

  /** As the reaper logs it. */
  leaseLosses(name) {
    const log = readFileSync(join(this.cluster.host(name).config.stateDir, 'reaper.log'), 'utf8');
    return log.split('killing PostgreSQL: the deadline was not renewed').length - 1;
  }

  async sampleNode(name) {
    const { host, port } = this.cluster.host(name).config.addresses.api;
    const options = { signal: AbortSignal.timeout(5000) };
    const text = await fetch(`http://${host}:${port}/metrics`, options)
      .then((answer) => answer.text())
      .catch(() => '');
    for (const [key, { metric, keep }] of Object.entries(exported)) {
      const value = new RegExp(`^${metric}\\{.*\\} (\\S+)$`, 'm').exec(text)?.[1];
      if (value !== undefined)
        this.seen[key] = keep(this.seen[key] ?? Number(value) * 1000, Number(value) * 1000);
    }
  }
}
