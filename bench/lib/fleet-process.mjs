// Simulated hosts in a process of their own: one connection each, proven with its certificate, one report each second. Told by
// its parent whom to play; tells it once a second how it goes.

import { createSign } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { ToldHost } from './told-fleet.mjs';

const everyMs = 1000;
const answerMs = 5000;
const connectionsAtOnce = 20;
const counts = { connected: 0, sent: 0, answered: 0, skipped: 0, unanswered: 0 };
let answeredInMs = [];

class Link {
  constructor(url, host, told) {
    Object.assign(this, { told, isWelcome: false, isReporting: false });
    this.socket = io(`${url}/nodes`, { transports: ['websocket'], forceNew: true });
    this.welcomed = new Promise((resolve, reject) => {
      this.socket.on('challenge', ({ nonce }) => {
        const signature = createSign('sha256').update(`quantadb link ${nonce}`).sign(host.key, 'base64');
        const hello = { version: 1, release: '0.1.0', certificate: host.certificate, signature };
        this.socket.emit('hello', hello, (answer) => {
          this.isWelcome = answer.ok === true;
          if (answer.ok) resolve();
          else reject(new Error(answer.reason));
        });
      });
    });
    this.socket.on('disconnect', () => {
      counts.connected -= Number(this.isWelcome);
      this.isWelcome = false;
    });
    this.socket.on('call', ({ method }, answer) => {
      if (method === 'backups') answer({ ok: true, output: null });
      else answer({ ok: false, code: 'REFUSED', message: 'this host is simulated' });
    });
  }

  /** As the daemon does: not before the one before it was answered, or given up. */
  async report() {
    if (!this.isWelcome) return;
    if (this.isReporting) {
      counts.skipped += 1;
      return;
    }
    this.isReporting = true;
    counts.sent += 1;
    const beganMs = performance.now();
    try {
      const report = this.told.report(Date.now());
      const answer = await this.socket.timeout(answerMs).emitWithAck('report', report);
      this.told.confirmed(answer.eventsUpTo);
      counts.answered += 1;
      answeredInMs.push(performance.now() - beganMs);
    } catch {
      counts.unanswered += 1;
    } finally {
      this.isReporting = false;
    }
  }
}

async function play({ url, hosts, clusters, beganMs }) {
  const places = clusters.flatMap((cluster) => cluster.nodes.map((name, at) => ({ name, cluster, at })));
  const byName = new Map(hosts.map((host) => [host.name, host]));
  const links = [];
  for (let first = 0; first < places.length; first += connectionsAtOnce) {
    const group = places.slice(first, first + connectionsAtOnce).map(({ name, cluster, at }) => {
      const host = byName.get(name);
      return new Link(url, host, new ToldHost({ host, cluster, at, beganMs }));
    });
    await Promise.all(group.map(({ welcomed }) => welcomed));
    counts.connected += group.length;
    for (const link of group) {
      const phaseMs = (links.push(link) / places.length) * everyMs;
      void tick(link, beganMs + phaseMs);
    }
  }
  process.send({ ready: true });
}

/** Each at its own moment of the second, however long the last one took. */
async function tick(link, phaseMs) {
  const behind = Math.max(0, Math.ceil((Date.now() - phaseMs) / everyMs));
  for (let dueMs = phaseMs + behind * everyMs; ; dueMs += everyMs) {
    const leftMs = dueMs - Date.now();
    if (leftMs > 0) await delay(leftMs);
    void link.report();
  }
}

setInterval(() => {
  process.send({ counts, answeredInMs });
  answeredInMs = [];
}, 1000).unref();
process.on('message', (scene) => void play(scene));
process.on('disconnect', () => process.exit(0));
