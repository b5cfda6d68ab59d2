/** A line of pg_hba.conf that people write (pure). PostgreSQL: Client Authentication, the pg_hba.conf file. */

const connectionTypes = new Set(['local', 'host', 'hostssl', 'hostnossl']);
const methods = new Set(['scram-sha-256', 'md5', 'cert', 'reject', 'peer']);
const options = /^(clientcert=verify-(ca|full)|clientname=(CN|DN))$/;

/**
 * Why a user's line is not taken. One bad line makes PostgreSQL refuse the whole file, and at a start the server with
 * it, so only what is certain to parse gets in. Null when the line is fine.
 */
export function whyRefused(text: string): string | null {
  const line = text.trim();
  if (line === '' || line.startsWith('#')) return null;
  if (!/^[\x20-\x7e]+$/.test(line)) return 'only printable ASCII on one line';
  if (/["@\\]/.test(line)) return 'quotes, backslashes and @file references are not supported';
  const words = line.split(/\s+/);
  const [type = '', database, role] = words;
  if (!connectionTypes.has(type)) return `unknown connection type ${type}`;
  if (!database || !role) return 'database and role are missing';
  if (database.split(',').includes('replication')) {
    if (type === 'local' || database !== 'replication')
      return 'replication has a line of its own, with an address, which routers go by';
  }
  const rest = type === 'local' ? words.slice(3) : afterAddress(words.slice(3));
  if (!rest) return 'the address is not understood';
  const [method = '', ...given] = rest;
  if (method === 'trust') return 'trust lets anybody in';
  if (!methods.has(method)) return `method ${method || '(missing)'} is not supported`;
  if (method === 'cert' && type !== 'hostssl') return 'cert needs hostssl';
  if (method === 'peer' && type !== 'local') return 'peer needs local';
  const strange = given.find((option) => !options.test(option) || type !== 'hostssl');
  return strange === undefined ? null : `option ${strange} is not supported`;
}

/** The words after the address, or null when there is no address that PostgreSQL is certain to accept. */
function afterAddress(words: string[]): string[] | null {
  const [address = '', ...rest] = words;
  if (address === 'all' || address === 'samehost' || address === 'samenet') return rest;
  const [host = '', bits] = address.split('/');
  const family = addressFamily(host);
  if (family === null) return /^\.?[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(address) ? rest : null;
  if (bits === undefined) return null;
  return /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128) ? rest : null;
}

function addressFamily(host: string): 4 | 6 | null {
  const parts = host.split('.');
  if (parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) return 4;
  if (/^[0-9a-f:]+$/i.test(host) && host.includes(':') && isIpv6(host)) return 6;
  return null;
}

function isIpv6(host: string): boolean {
  const halves = host.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return false;
  return halves.length === 2 ? groups.length < 8 : groups.length === 8;
}
