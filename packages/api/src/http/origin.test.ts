import { expect, test } from 'vitest';
import { isForged, type Provenance } from './origin.ts';

const here = 'https://console.example.com';
const signedIn: Provenance = {
  ...{ method: 'POST', origin: here, fetchSite: 'same-origin', hasCookie: true, hasAuthorization: false },
};

test.each([
  ['our own page', signedIn, false],
  ['another site', { ...signedIn, origin: 'https://evil.example.com', fetchSite: 'cross-site' }, true],
  ['a neighbour of the same site', { ...signedIn, origin: 'https://other.example.com' }, true],
  ['an opaque origin', { ...signedIn, origin: 'null' }, true],
  ['somebody who does not say', { ...signedIn, origin: undefined, fetchSite: undefined }, true],
  ['a page whose browser says only that it is ours', { ...signedIn, origin: undefined }, false],
  ['a read', { ...signedIn, method: 'GET', origin: 'https://evil.example.com' }, false],
  ['a token', { ...signedIn, origin: undefined, fetchSite: undefined, hasAuthorization: true }, false],
  ['nobody', { ...signedIn, origin: undefined, fetchSite: undefined, hasCookie: false }, false],
] as const)('%s', (_name, request, forged) => {
  expect(isForged(request, here)).toBe(forged);
});
