import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildCancelRequest, buildSslRequest, buildStartup, readStartupPacket } from './startup.ts';

describe('startup packets', () => {
  it('reads what it writes', () => {
    const sent = new Map([
      ['user', 'anna'],
      ['database', 'ätsch'],
      ['options', ''],
    ]);
    const { packet, bytesRead } = readStartupPacket(Buffer.concat([buildStartup(sent), Buffer.from('more')]));
    expect(packet).toEqual({ kind: 'startup', minorVersion: 0, parameters: sent });
    expect(bytesRead).toBe(buildStartup(sent).length);
    expect(readStartupPacket(buildSslRequest()).packet).toEqual({ kind: 'ssl' });
    const secret = Buffer.alloc(32, 9);
    expect(readStartupPacket(buildCancelRequest(7, secret)).packet).toEqual({
      kind: 'cancel',
      processId: 7,
      secret,
    });
  });

  it('waits for the rest of a cut packet', () => {
    const whole = buildStartup([['user', 'anna']]);
    for (let bytes = 0; bytes < whole.length; bytes++)
      expect(readStartupPacket(whole.subarray(0, bytes)).packet.kind).toBe('incomplete');
  });

  it('knows TLS by its first byte', () => {
    expect(readStartupPacket(Buffer.from([0x16, 3, 1])).packet.kind).toBe('tls');
  });

  it('refuses lengths and layouts that cannot be', () => {
    const packets = [
      Buffer.from([0, 0, 0, 7]),
      Buffer.from([0, 1, 0, 0]),
      Buffer.from('GET / HTTP/1.1\r\n'),
      buildStartup([['user', 'anna']]).fill(1, 8),
      Buffer.concat([Buffer.from([0, 0, 0, 9]), Buffer.from([0, 2, 0, 0, 0])]),
    ];
    for (const packet of packets) expect(readStartupPacket(packet).packet.kind).toBe('invalid');
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const packet = Buffer.from(bytes);
        if (packet.length >= 8) packet.writeUInt32BE(packet.length, 0);
        expect(readStartupPacket(packet).packet.kind).toBeTypeOf('string');
      }),
      { numRuns: 5000 },
    );
  });
});
