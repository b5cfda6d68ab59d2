import { readAdminCommand } from '../admin/commands.ts';
import { Authenticator } from '../auth/authenticator.ts';
import { judgeLogin } from '../auth/host-based.ts';
import { parseVerifier } from '../auth/verifier.ts';
import { Classifier } from '../classify/classifier.ts';
import { readStartupOptions } from '../client/startup-options.ts';
import { markOf } from '../outcome/commit-mark.ts';
import { message, password, query, readFields, readRow } from '../protocol/build.ts';
import { backend, frontend } from '../protocol/codes.ts';
import { MessageCursor } from '../protocol/cursor.ts';
import { backendRules, frontendRules, type MessageRules } from '../protocol/limits.ts';
import { buildStartup, readStartupPacket, startupBytesMax } from '../protocol/startup.ts';
import { sessions } from './transcript-corpus.ts';

/** Whatever reads what strangers send: any bytes, and it neither throws nor keeps more than it may. */
export interface FuzzTarget {
  name: string;
  /** Valid inputs, to be changed a little. */
  seeds: Buffer[];
  /** @throws when it breaks a promise of its own */
  run(bytes: Buffer): void;
}

const classifier = new Classifier();
const conversation = sessions.flatMap(({ turns }) => turns.map(({ send }) => Buffer.concat(send)));
const statements = conversation.map((bytes) => bytes.subarray(5, -1));
const verifier = `SCRAM-SHA-256$4096:c2FsdA==$${'A'.repeat(43)}=:${'B'.repeat(43)}=`;

function authenticator(stored: string): Authenticator {
  const account = {
    ...{ verifier: parseVerifier(stored), canLogin: true, canConnect: true, isSuperuser: false },
    ...{ canReplicate: false, isMonitor: false, groups: [], validUntilMs: null, defaults: '' },
  };
  const mockSecret = Buffer.alloc(32);
  return new Authenticator({ user: 'a', account, channelBinding: null, mockSecret, nowMs: 0 });
}

/** In two pieces; what is handed over is what came, in order. */
function walk(rules: MessageRules, bytes: Buffer): void {
  const cursor = new MessageCursor(rules);
  const middle = bytes.length >> 1;
  let handed = 0;
  for (const [start, end] of [
    [0, middle],
    [middle, bytes.length],
  ] as const) {
    cursor.load(bytes, start, end);
    while (cursor.next()) handed += cursor.end - cursor.start;
  }
  if (handed + cursor.unreadBytes > bytes.length) throw new Error('more was handed over than came');
}

/** Whole conversations of a client that has logged in, for a router with a server behind it. */
const conversationSeeds: Buffer[] = [
  ...conversation.filter(({ length }) => length < 5000),
  Buffer.concat([query('BEGIN'), query('SELECT 1'), query('COMMIT')]),
  Buffer.concat([password(Buffer.from('x\0')), message(frontend.copyFail, Buffer.from('x\0'))]),
];

export const fuzzTargets: FuzzTarget[] = [
  {
    name: 'startup packets and their options',
    seeds: [
      buildStartup([
        ['user', 'a'],
        ['options', '-c a.b=c --work-mem=1MB'],
        ['replication', 'database'],
      ]),
    ],
    run: (bytes) => {
      const { packet, bytesRead } = readStartupPacket(bytes);
      if (bytesRead > Math.min(bytes.length, startupBytesMax)) throw new Error('it has read too far');
      if (packet.kind === 'startup') readStartupOptions(packet.parameters);
    },
  },
  { name: 'messages of clients', seeds: conversationSeeds, run: (bytes) => walk(frontendRules, bytes) },
  {
    name: 'messages of servers',
    seeds: [
      message(backend.rowDescription, Buffer.alloc(60)),
      message(backend.dataRow, Buffer.from([0, 2, 0, 0, 0, 1, 0x61, 0xff, 0xff, 0xff, 0xff])),
      message(backend.errorResponse, Buffer.from('SERROR\0C42601\0\0')),
    ],
    run: (bytes) => {
      walk(backendRules, bytes);
      readFields(bytes, 0, bytes.length);
      readRow(bytes, 0, bytes.length);
    },
  },
  {
    name: 'statements',
    seeds: statements,
    run: (bytes) => {
      for (const isEscaping of [false, true])
        classifier.classify(bytes, { start: 0, end: bytes.length }, isEscaping);
    },
  },
  {
    name: 'SCRAM and password messages',
    seeds: [
      Buffer.from('SCRAM-SHA-256\0\0\0\0\x20n,,n=,r=abcdefghijklmnop'),
      Buffer.from('c=biws,r=abc,p=AAAA'),
    ],
    run: (bytes) => {
      const front = authenticator(verifier);
      front.next(Buffer.from('SCRAM-SHA-256\0\0\0\0\x0cn,,n=,r=abcd'));
      front.next(bytes);
      authenticator(verifier).next(bytes);
      authenticator(`md5${'0'.repeat(32)}`).next(bytes);
    },
  },
  {
    name: 'stored verifiers, access lines, commands, marks',
    seeds: [verifier, 'hostssl all +a 10.0.0.0/8 scram-sha-256 clientcert=verify-ca', 'SHOW POOLS;'].map(
      (text) => Buffer.from(text),
    ),
    run: (bytes) => {
      const text = bytes.toString('latin1');
      parseVerifier(text);
      const attempt = {
        isTls: true,
        user: 'a',
        database: 'b',
        groups: [],
        isReplication: false,
        certificate: null,
      };
      judgeLogin([text], { ...attempt, address: '10.1.1.1' });
      judgeLogin(['host all all 10.0.0.0/8 reject'], { ...attempt, address: text });
      readAdminCommand(text);
      markOf([text, text, text]);
    },
  },
];

/** The next of a row of numbers that looks random, in [0, below). */
export type Dice = (below: number) => number;

export function diceOf(seed: number): Dice {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** A seed changed in a few places, or bytes of no meaning at all. */
export function mutated(seeds: readonly Buffer[], dice: Dice): Buffer {
  const pick = () => seeds[dice(seeds.length)] ?? Buffer.alloc(0);
  if (dice(10) === 0) return Buffer.from(Array.from({ length: dice(200) }, () => dice(256)));
  let bytes = Buffer.from(pick());
  for (let changes = 1 + dice(6); changes > 0; changes--) {
    const at = dice(bytes.length + 1);
    const kind = dice(6);
    if (kind === 0 && at < bytes.length) bytes[at] = dice(256);
    else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + dice(8))]);
    else if (kind === 2)
      bytes = Buffer.concat([bytes.subarray(0, at), Buffer.from([dice(256)]), bytes.subarray(at)]);
    else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, at), pick()]);
    else if (kind === 4 && at + 4 <= bytes.length)
      bytes.writeUInt32BE(dice(2) === 0 ? dice(70_000) : dice(0xffffffff), at);
    else if (kind === 5) bytes = Buffer.concat([bytes, bytes.subarray(0, at)]);
  }
  return bytes;
}

/** Statements that a reader which looks back and forth would need ages for, in no more than a mebibyte. */
export function worstStatements(length = 1 << 20): Buffer[] {
  const units = [
    '/*',
    '/*a*/',
    '"',
    '""',
    "'",
    "''",
    '$a$',
    '$',
    '(',
    ';',
    '--\n',
    'a.',
    '/* quantadb: ',
    "e'\\",
    'select(',
    '1e',
    'u&"',
    '\\',
  ];
  return units.map((unit) => Buffer.from(unit.repeat(Math.floor(length / unit.length))));
}
