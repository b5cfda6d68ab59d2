import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../shared/clock.ts';
import { invariant } from '../shared/errors.ts';
import { systemRandom } from '../shared/random.ts';
import { systemDisk } from './disk.ts';
import { RaftThread } from './thread.ts';
import { Transport } from './transport.ts';
import type { ToWorker, WorkerOptions } from './worker-protocol.ts';

invariant(parentPort, 'this file runs as a worker thread');
const port = parentPort;
const options = workerData as WorkerOptions;

let transport: Transport | null = null;

const thread = new RaftThread(options, {
  clock: systemClock,
  random: systemRandom,
  disk: systemDisk,
  transport: (onFrame, logger) => {
    const { clusterId, id, self, version, listenHost, tls } = options;
    transport = new Transport({
      clusterId,
      self: { id, ...self },
      version,
      listenHost,
      tls,
      logger,
      onFrame,
    });
    return transport;
  },
  post: (message) => port.postMessage(message),
  // The immediate phase comes after the poll phase, which reads the sockets.
  afterInput: (work) => setImmediate(work),
  closed: () => port.close(),
});
port.on('message', (message: ToWorker) => {
  if (message.type === 'certificate') transport?.useCertificate(message.tls);
  else thread.receive(message);
});
thread.start();
