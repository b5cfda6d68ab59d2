import { describe, expect, it } from 'vitest';
import { isStorable, storable } from './storable.ts';

describe('text that PostgreSQL stores as it is given', () => {
  it('is whole characters without a zero byte', () => {
    expect(isStorable('Grüße 🐘, Ω')).toBe(true);
    expect(isStorable('🐘'.slice(0, 1)), 'half of one').toBe(false);
    expect(isStorable('🐘'.slice(1)), 'its other half').toBe(false);
    expect(isStorable('a\u0000b')).toBe(false);
    expect(isStorable({ list: [{ '\ud800': 1 }] }), 'a key').toBe(false);
    expect(isStorable([null, 1, true, { at: 'x' }])).toBe(true);
  });

  it('is made of any other, and leaves everything else as it is', () => {
    const whole = { at: new Date(0), text: '🐘', list: [1, null] };
    expect(storable(whole)).toBe(whole);
    const broken = { ...whole, text: '🐘🐘'.slice(0, 3), inner: { 'k\u0000': ['\udc00x'] } };
    expect(storable(broken)).toEqual({
      ...whole,
      text: '🐘\ufffd',
      inner: { 'k\ufffd': ['\ufffdx'] },
    });
  });
});
