import { describe, expect, it } from 'vitest';
import { dispatchPeerCall, type PeerHandlers, peerMethods } from './peer-protocol.ts';

const members = { 'node-1': {}, 'node-2': {} };

/** Every method answers with its name: only who may ask counts here. */
const handlers = Object.fromEntries(
  Object.keys(peerMethods).map((method) => [method, async () => method]),
) as unknown as PeerHandlers;

async function asks(peer: string, method: string, own: typeof members | null): Promise<string> {
  try {
    await dispatchPeerCall(handlers, { peer, method, body: { clusterId: 'c' } }, own);
    return 'heard';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe('calls of other hosts', () => {
  it('I-MEMBER-11: whoever is no member changes nothing in a cluster', async () => {
    for (const method of [
      'leave',
      'prepare-switchover',
      'restart-postgres',
      'restart-daemon',
      'server-settings',
    ]) {
      expect(await asks('node-2', method, members), `${method} of a member`).toBe('heard');
      expect(await asks('another-1', method, members), `${method} of a stranger`).toBe('UNAUTHORIZED');
    }
    // What they send is not even looked at.
    for (const method of [
      'submit',
      'seal',
      'demote',
      'start',
      'reinitialise',
      'use-programs',
      'primary-lost',
    ])
      expect(await asks('another-1', method, members), method).toBe('UNAUTHORIZED');
    expect(await asks('constructor', 'leave', members)).toBe('UNAUTHORIZED');
  });

  it('a host that would join or follow hears what it needs, and one in no cluster hears everybody', async () => {
    for (const method of ['report', 'server-facts', 'source-view', 'kept-slots'])
      expect(await asks('another-1', method, members), method).not.toBe('UNAUTHORIZED');
    expect(await asks('another-1', 'leave', null)).toBe('heard');
    expect(await asks('another-1', 'nonsense', members)).toBe('NOT_FOUND');
  });
});
