import { describe, expect, it } from 'vitest';
import { scramVerifier } from '../../postgres/application-role.ts';
import { isMd5Answer, md5Answer } from './md5.ts';
import { mockVerifier, ScramClient, type ScramFailure, ScramServer, scramPlusMechanism } from './scram.ts';
import { parseVerifier, type ScramVerifier } from './verifier.ts';

// RFC 7677 §3: user "user", password "pencil".
const rfc = {
  clientFirst: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  serverFirst: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
};

async function verifierOf(password: string, salt = 'W22ZaJ0SNY7soEsUEjb6gQ=='): Promise<ScramVerifier> {
  const verifier = parseVerifier(await scramVerifier(password, Buffer.from(salt, 'base64')));
  if (verifier.kind !== 'scram') throw new Error('not a SCRAM verifier');
  return verifier;
}

function server(verifier: ScramVerifier, nonce = '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0'): ScramServer {
  return new ScramServer({ verifier, mechanism: 'SCRAM-SHA-256', channelBinding: null, nonce });
}

describe('SCRAM', () => {
  it('answers as the RFC’s example does', async () => {
    const exchange = server(await verifierOf('pencil'));
    expect(exchange.first(rfc.clientFirst)).toEqual({ ok: true, serverFirst: rfc.serverFirst });
    const outcome = exchange.final(rfc.clientFinal);
    expect(outcome.ok && outcome.serverFinal).toBe(rfc.serverFinal);
  });

  it('gets from a client that proves itself what it takes to be a client in its name', async () => {
    const verifier = await verifierOf('pencil');
    const front = server(verifier);
    front.first(rfc.clientFirst);
    const proven = front.final(rfc.clientFinal);
    if (!proven.ok) throw new Error(proven.reason);
    const client = new ScramClient({ ...verifier, clientKey: proven.clientKey }, 'anotherNonce');
    const back = server(verifier, 'ofPostgreSQL');
    const first = back.first(client.first());
    if (!first.ok) throw new Error(first.reason);
    const outcome = back.final(client.final(first.serverFirst) ?? '');
    expect(outcome.ok).toBe(true);
    expect(outcome.ok && client.verify(outcome.serverFinal)).toBe(true);
    expect(client.verify('v=AAAA')).toBe(false);
  });

  it('refuses a wrong password, a repeated answer and what it does not understand', async () => {
    const exchange = server(await verifierOf('pen'));
    expect(exchange.first('hello')).toEqual({ ok: false, reason: 'malformed' });
    exchange.first(rfc.clientFirst);
    expect(exchange.final(rfc.clientFinal)).toEqual({ ok: false, reason: 'wrong_proof' });
    const later = server(await verifierOf('pencil'), 'another');
    later.first(rfc.clientFirst);
    expect(later.final(rfc.clientFinal)).toEqual({ ok: false, reason: 'wrong_nonce' });
    expect(later.final('c=biws')).toEqual({ ok: false, reason: 'malformed' });
  });

  it('binds to the channel, and notices who pretends that it could not', async () => {
    const verifier = await verifierOf('pencil');
    const channelBinding = Buffer.alloc(32, 5);
    const first = (
      mechanism: 'SCRAM-SHA-256' | typeof scramPlusMechanism,
      text: string,
    ): ScramFailure | 'ok' => {
      const answer = new ScramServer({ verifier, mechanism, channelBinding, nonce: 'x' }).first(text);
      return answer.ok ? 'ok' : answer.reason;
    };
    expect(first(scramPlusMechanism, 'p=tls-server-end-point,,n=,r=abc')).toBe('ok');
    expect(first(scramPlusMechanism, 'p=tls-unique,,n=,r=abc')).toBe('wrong_channel_binding');
    expect(first('SCRAM-SHA-256', 'n,,n=,r=abc')).toBe('ok');
    expect(first('SCRAM-SHA-256', 'y,,n=,r=abc')).toBe('downgrade');
  });

  it('gives a role that does not exist the same salt every time', () => {
    const secret = Buffer.alloc(32, 1);
    expect(mockVerifier('nobody', secret)).toEqual(mockVerifier('nobody', secret));
    expect(mockVerifier('nobody', secret).salt).not.toEqual(mockVerifier('no-one', secret).salt);
  });
});

describe('stored passwords', () => {
  it('are told apart by their form', () => {
    expect(parseVerifier(null)).toEqual({ kind: 'none' });
    expect(parseVerifier('md5a3556571e93b0d20722ba62be61e8c2d').kind).toBe('md5');
    expect(parseVerifier('SCRAM-SHA-256$4096:x').kind).toBe('none');
  });

  it('of the old kind are proven by a salted hash of the hash', () => {
    const salt = Buffer.from([1, 2, 3, 4]);
    const hash = 'a3556571e93b0d20722ba62be61e8c2d';
    expect(isMd5Answer(md5Answer(hash, salt), hash, salt)).toBe(true);
    expect(isMd5Answer(md5Answer(hash, salt), hash, Buffer.from([4, 3, 2, 1]))).toBe(false);
  });
});
