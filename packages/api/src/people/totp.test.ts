import { describe, expect, test } from 'vitest';
import { totpCode, totpStepOf, totpUri } from './totp.ts';

const secret = '12345678901234567890';

describe('codes of an authenticator app', () => {
  test('are those of RFC 6238, appendix B', () => {
    const at = (seconds: number) => totpCode(secret, seconds * 1000);
    expect([at(59), at(1_111_111_109), at(1_111_111_111), at(1_234_567_890), at(2_000_000_000)]).toEqual([
      ...['287082', '081804', '050471', '005924', '279037'],
    ]);
  });

  test('are right half a minute before and after, and no longer', () => {
    const code = totpCode(secret, 1_000_000_000_000);
    const isRightAfter = (seconds: number) =>
      totpStepOf(code, { secret, nowMs: 1_000_000_000_000 + seconds * 1000 }) !== null;
    expect([-30, 0, 30, 90, -90].map(isRightAfter)).toEqual([true, true, true, false, false]);
    expect(totpStepOf('', { secret, nowMs: 59_000 })).toBeNull();
    expect(totpStepOf('٢٨٧٠٨٢', { secret, nowMs: 59_000 })).toBeNull();
  });

  test('say which half minute they are of, whenever they are shown', () => {
    const steps = [30_000, 59_000, 89_000].map((nowMs) => totpStepOf('287082', { secret, nowMs }));
    expect(steps).toEqual([1, 1, 1]);
  });

  test('come from what the QR code says', () => {
    const { uri, key } = totpUri({ issuer: 'QuantaDB', account: 'ada@example.com', secret });
    expect(key).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
    expect(uri).toBe(
      `otpauth://totp/QuantaDB:ada%40example.com?secret=${key}&issuer=QuantaDB&digits=6&period=30`,
    );
  });
});
