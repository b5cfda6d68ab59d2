import { randomBytes } from 'node:crypto';

const yearSeconds = 365 * 24 * 3600;
const nonceBytes = 16;

export function newNonce(): string {
  return randomBytes(nonceBytes).toString('base64');
}

/** What every answer of the console carries. */
export function commonHeaders(publicUrl: string): Record<string, string> {
  const isSecure = publicUrl.startsWith('https:');
  return {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
    ...(isSecure ? { 'strict-transport-security': `max-age=${yearSeconds}` } : {}),
  };
}

/** Answers of the API are data: whatever they contain, no browser shows or runs it, and none keeps it. */
export const dataPolicy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'";

/**
 * What a page may load and run: nothing but its own, and of scripts in the page only those of this answer. Styles cannot
 * carry a nonce everywhere: React writes them into attributes, and menus and toasts measure and place themselves by them.
 */
export function pagePolicy(publicUrl: string, nonce: string): string {
  const live = publicUrl.replace(/^http/, 'ws').replace(/\/$/, '');
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}'`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    // Not every browser counts a web socket to the same place as 'self'.
    `connect-src 'self' ${live}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ');
}
