import { BlockList, isIP } from 'node:net';

/** Set by our own HTTP server on every request, never taken from outside. */
export const clientAddressHeader = 'x-quantadb-client-address';

const hopsMax = 32;

/** Addresses and networks (`10.0.0.0/8`, `fd00::/8`) of proxies. @returns null when one of them is none */
export function parseNetworks(text: string): BlockList | null {
  const list = new BlockList();
  for (const each of text.split(',').map((part) => part.trim())) {
    if (each === '') continue;
    const [address = '', bits, ...rest] = each.split('/');
    const family = isIP(address);
    const bitsMax = family === 6 ? 128 : 32;
    const isPrefix = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax);
    if (family === 0 || !isPrefix || rest.length > 0) return null;
    list.addSubnet(address, bits === undefined ? bitsMax : Number(bits), family === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/**
 * Where a request comes from (pure). Every proxy appends the address it was called from to `X-Forwarded-For`; the header is read
 * from its end for as long as who wrote it is a trusted proxy, so that whatever a client sends itself is never believed.
 */
export function clientAddressOf(
  request: { peer: string | undefined; forwardedFor: string | undefined },
  trusted: BlockList | null,
): string {
  let address = plain(request.peer ?? '');
  if (isIP(address) === 0) return 'unknown';
  const hops = (request.forwardedFor ?? '').split(',').slice(-hopsMax);
  while (trusted && isTrusted(address, trusted)) {
    const hop = plain((hops.pop() ?? '').trim());
    // Nothing more is told, or no address: the last one that is known.
    if (isIP(hop) === 0) break;
    address = hop;
  }
  return address;
}

/** Who is counted as one stranger (pure): of IPv6 a whole /64, which one customer has to himself, with 2^64 addresses. */
export function networkOf(address: string): string {
  if (isIP(address) !== 6) return address;
  const [head = '', tail = ''] = (address.split('%')[0] ?? '').split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === '' ? [] : tail.split(':');
  const gap = address.includes('::')
    ? Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
    : [];
  const groups = [...left, ...gap, ...right]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16));
  return `${groups.join(':')}::/64`;
}

function isTrusted(address: string, trusted: BlockList): boolean {
  return trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Without port and brackets, which some proxies write, and an IPv4 address as such. */
function plain(address: string): string {
  const bare = /^\[(.+)\](?::\d+)?$/.exec(address)?.[1] ?? address;
  const withoutPort = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(bare)?.[1] ?? bare;
  return withoutPort.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}
