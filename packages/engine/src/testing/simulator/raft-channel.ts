import type { SpawnRaft } from '../../raft/driver.ts';
import type { PayloadFrame } from '../../raft/frames.ts';
import { RaftThread, type RaftTransport } from '../../raft/thread.ts';
import type { PeerAddress } from '../../raft/types.ts';
import type { FromWorker, ToWorker } from '../../raft/worker-protocol.ts';
import type { HostDisk } from './disk.ts';
import type { Network } from './network.ts';
import type { Thread } from './thread.ts';
import { Violation, type World } from './world.ts';

/** Where frames arrive, by host name: the Raft thread that lives there now. */
export type FrameSink = (from: PeerAddress, frame: PayloadFrame) => void;

export interface RaftChannelParts {
  world: World;
  network: Network;
  disk: HostDisk;
  host: string;
  main: Thread;
  raft: Thread;
  sinks: Map<string, { thread: Thread; arrive: FrameSink }>;
  /** Sees, and with a planted bug changes, what leaves. Null: it is lost. */
  outgoing(host: string, frame: PayloadFrame): PayloadFrame | null;
  /** Sees, and with a planted bug changes, what the thread tells the daemon. */
  told(host: string, message: FromWorker): FromWorker | null;
  /** How anybody on the host asks its Raft thread, by host name. */
  ports: Map<string, (message: ToWorker) => void>;
}

const hopMinMs = 0.02;
const hopMaxMs = 0.3;

/** Runs the production Raft thread in virtual time, on the host's disk and the simulated network. */
export function simulatedRaft(parts: RaftChannelParts): SpawnRaft {
  const { world, main, raft, disk, host, sinks } = parts;
  return (options, receive, died) => {
    const toMain = inOrder(world, main);
    const toRaft = inOrder(world, raft);
    const thread = new RaftThread(options, {
      clock: raft,
      random: world.random,
      disk: disk.raftDisk((busyMs) => raft.hold(world.nowMs + raft.heldForMs() + busyMs)),
      transport: (onFrame) => transportOf(parts, { id: options.id, ...options.self }, onFrame),
      post: (message) => {
        if (raft.isDead) return;
        if (message.type === 'fatal') {
          if (message.code === 'INVARIANT_BROKEN')
            world.fail(new Violation('I-RAFT', `${host}: ${message.message}`));
          world.note(`${host}: Raft stops: ${message.message}`);
        }
        const told = parts.told(host, message);
        if (told) toMain(raft.heldForMs(), () => receive(told));
      },
      afterInput: (work) => raft.after(0, work),
      closed: () => undefined,
    });
    thread.start();
    void died;
    const post = (message: ToWorker) => toRaft(0, () => thread.receive(message));
    parts.ports.set(host, post);
    return {
      post,
      close: async () => {
        raft.kill();
        sinks.delete(host);
      },
    };
  };
}

/** A message port: in order, a little later. */
function inOrder(world: World, thread: Thread): (extraMs: number, work: () => void) => void {
  let lastMs = 0;
  return (extraMs, work) => {
    lastMs = Math.max(lastMs, world.nowMs + extraMs + world.between(hopMinMs, hopMaxMs));
    world.after(lastMs - world.nowMs, 'timer', () => thread.run(work));
  };
}

function transportOf(parts: RaftChannelParts, self: PeerAddress, onFrame: FrameSink): RaftTransport {
  const { world, network, host, raft, sinks } = parts;
  const members = new Map<number, PeerAddress>();
  return {
    listen: async () => {
      sinks.set(host, {
        thread: raft,
        arrive: (from, frame) => {
          if (!members.has(from.id)) members.set(from.id, from);
          onFrame(from, frame);
        },
      });
    },
    send: (to, frame) => {
      const peer = members.get(to);
      const leaving = parts.outgoing(host, frame);
      if (!peer || !leaving || raft.isDead) return;
      // A thread that waits for its disk has not sent this yet.
      world.after(raft.heldForMs(), 'timer', () => {
        if (raft.isDead) return;
        network.datagram(host, peer.name, () => {
          const sink = sinks.get(peer.name);
          if (sink && !sink.thread.isDead) sink.thread.run(() => sink.arrive(self, leaving));
        });
      });
    },
    setMembers: (list) => {
      members.clear();
      for (const member of list) members.set(member.id, member);
    },
    close: async () => {
      sinks.delete(host);
    },
  };
}
