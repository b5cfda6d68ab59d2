import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../shared/clock.ts';
import { invariant, messageOf, QuantaError } from '../shared/errors.ts';
import type { Logger } from '../shared/logger.ts';
import { systemDisk } from './disk.ts';
import { RaftNode } from './raft-node.ts';
import { RaftStorage } from './storage.ts';
import { Transport } from './transport.ts';
import type { FromWorker, Request, ToWorker, WorkerOptions } from './worker-protocol.ts';

/** The thread Raft lives in, so that nothing else in the daemon delays a heartbeat or an fsync. */

invariant(parentPort, 'this file runs as a worker thread');
const port = parentPort;
const options = workerData as WorkerOptions;

const tickMs = Math.max(5, options.timing.heartbeatMs / 5);

function post(message: FromWorker): void {
  port.postMessage(message);
}

function log(level: 'debug' | 'info' | 'warn' | 'error'): Logger['info'] {
  return (fields, message) => post({ type: 'log', level, fields, message });
}

const logger: Logger = { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') };

function fatal(error: unknown): void {
  const known = error instanceof QuantaError ? error : null;
  const message = known ? known.message : messageOf(error);
  post({ type: 'fatal', code: known?.code ?? 'INVARIANT_BROKEN', message, hint: known?.hint });
}

async function start(): Promise<void> {
  const { id, self, clusterId, directory, bootstrap, listenHost, tls, timing, version } = options;
  const address = { id, ...self };
  const storage = RaftStorage.open({
    disk: systemDisk,
    directory,
    clusterId,
    raftId: id,
    founder: bootstrap ? { ...address, role: 'voter' } : null,
  });
  let node: RaftNode | null = null;
  const transport = new Transport({
    clusterId,
    self: address,
    version,
    listenHost,
    tls,
    logger,
    onFrame: (from, frame) => node?.receive(from, frame),
  });
  await transport.listen();
  const running = new RaftNode({
    self: address,
    timing,
    storage,
    logger,
    send: (to, frame) => transport.send(to, frame),
    setMembers: (members) => transport.setMembers(members),
    emit: post,
    onFatal: (error) => {
      void transport.close();
      fatal(error);
    },
  });
  node = running;
  const life = keepTime(running);
  port.on('message', (message: ToWorker) => {
    life.heard();
    if (message.type === 'request') void answer({ node: running, transport, life }, message);
    else handle(running, message);
  });
  post({ type: 'started', status: running.status() });
}

interface Life {
  heard(): void;
  stop(): void;
}

/**
 * A timer that is late (a stall, a pause of the whole machine) must not act before the input that waits in the
 * sockets: `setImmediate` runs after the poll phase.
 */
function keepTime(node: RaftNode): Life {
  let heardAtMs = systemClock.monotonicMs();
  let dueMs = heardAtMs + tickMs;
  const timer = setInterval(() => {
    const lateMs = Math.max(0, systemClock.monotonicMs() - dueMs);
    dueMs = systemClock.monotonicMs() + tickMs;
    setImmediate(() => {
      const nowMs = systemClock.monotonicMs();
      // When this thread itself stood still it cannot blame the main thread for silence.
      if (lateMs > options.mainSilenceMsMax / 2) heardAtMs = nowMs;
      node.setMayLead(nowMs - heardAtMs < options.mainSilenceMsMax);
      node.tick(lateMs);
    });
  }, tickMs);
  return {
    heard: () => {
      heardAtMs = systemClock.monotonicMs();
    },
    stop: () => clearInterval(timer),
  };
}

function handle(node: RaftNode, message: Exclude<ToWorker, { type: 'request' }>): void {
  if (message.type === 'gate') node.setLeaseGate(message.gate);
  else if (message.type === 'applied') node.applied(message.index);
  else if (message.type === 'keep-snapshot') node.keepSnapshot({ index: message.index, data: message.data });
}

async function answer(
  parts: { node: RaftNode; transport: Transport; life: Life },
  message: Extract<ToWorker, { type: 'request' }>,
): Promise<void> {
  const { request, id } = message;
  if (request.type === 'stop') {
    parts.life.stop();
    parts.node.stop();
    await parts.transport.close();
    post({ type: 'answer', id, answer: { ok: true } });
    port.close();
    return;
  }
  post({ type: 'answer', id, answer: await perform(parts.node, request) });
}

function perform(node: RaftNode, request: Exclude<Request, { type: 'stop' }>) {
  switch (request.type) {
    case 'propose':
      return node.propose(request.data, request.deadlineMs);
    case 'change-configuration':
      return node.changeConfiguration(request.change, request.deadlineMs);
    case 'transfer':
      return node.transferLeadership(request.toId, request.deadlineMs);
    case 'confirm':
      return node.confirmLeadership(request.deadlineMs);
    case 'renew':
      return node.renewLease({ epoch: request.epoch, body: request.body }, request.deadlineMs);
  }
}

start().catch(fatal);
