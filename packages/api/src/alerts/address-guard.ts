import { lookup as resolve } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * Where no channel leads: addresses that mean something on this machine's own link only. Clouds tell a machine's credentials there.
 * Private networks and this machine itself are where Alertmanager or a mail server may well be.
 */
const linkLocal = new BlockList();
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4');
linkLocal.addSubnet('fe80::', 10, 'ipv6');
linkLocal.addAddress('fd00:ec2::254', 'ipv6');

export function isLinkLocal(address: string): boolean {
  return linkLocal.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/**
 * What a connection looks its name up with, so that no name leads there either, whatever it meant a moment before.
 *
 * @throws Error for an address that is one of those
 */
export function addressGuard(host: string): { lookup: LookupFunction } {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) !== 0 && isLinkLocal(bare)) throw refusal(bare);
  const lookup: LookupFunction = (name, options, done) => {
    resolve(name, { ...options, all: true }, (error, found) => {
      if (error) return done(error, '');
      const bad = found.find(({ address }) => isLinkLocal(address));
      if (bad) return done(refusal(bad.address), '');
      const [first] = found;
      if (options.all) return done(null, found);
      return done(null, first?.address ?? '', first?.family);
    });
  };
  return { lookup };
}

function refusal(address: string): Error {
  return new Error(`${address} is an address of the local link: no channel leads there`);
}
