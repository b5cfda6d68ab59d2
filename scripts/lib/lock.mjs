/**
 * @typedef {{ version?: string, resolved?: string, dev?: boolean, optional?: boolean, link?: boolean, os?: string[],
 *   cpu?: string[], libc?: string[], optionalDependencies?: Record<string, string> }} LockedPackage
 * @typedef {{ packages: Record<string, LockedPackage> }} Lock
 * @typedef {{ name: string, version: string, wantedBy: string }} Gap
 */

const folder = 'node_modules/';

/**
 * The optional packages that a lock file wants but does not list. npm leaves out what its registry does not have at that
 * moment (a mirror without other systems' binaries), and `npm ci` then refuses the whole file on every system.
 *
 * @param {Lock} lock
 * @returns {Gap[]}
 */
export function gapsOf({ packages }) {
  return Object.entries(packages).flatMap(([path, { optionalDependencies }]) =>
    Object.entries(optionalDependencies ?? {})
      .filter(([name]) => !isListed(packages, path, name))
      .map(([name, range]) => ({ name, version: range.replace(/^[~^]/, ''), wantedBy: path })),
  );
}

/**
 * The same lock file with every gap filled. The entries have no checksum: nobody here has seen those packages.
 *
 * @param {Lock} lock
 * @returns {Lock}
 */
export function completed(lock) {
  const added = gapsOf(lock).map(({ name, version, wantedBy }) => {
    const dev = lock.packages[wantedBy]?.dev ? { dev: true } : {};
    const { cpu, libc, os } = platformOf(name);
    // The order is npm's own, so that the next `npm install` changes nothing.
    return [
      `${folder}${name}`,
      { version, cpu, ...dev, ...(libc && { libc }), optional: true, ...(os && { os }) },
    ];
  });
  const entries = [...Object.entries(lock.packages), ...added];
  return { ...lock, packages: Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1))) };
}

/**
 * Looks where Node.js would look: beside the package that wants it, then in every directory above.
 *
 * @param {Lock['packages']} packages
 * @param {string} path
 * @param {string} name
 */
function isListed(packages, path, name) {
  for (let at = path; ; at = at.slice(0, Math.max(0, at.lastIndexOf(folder) - 1))) {
    if (packages[at === '' ? `${folder}${name}` : `${at}/${folder}${name}`]) return true;
    if (at === '') return false;
    if (!at.includes(folder)) at = '';
  }
}

/**
 * The system that a binary package is for, as its name says by convention (`…-linux-x64-musl`).
 *
 * @param {string} name
 * @returns {Pick<LockedPackage, 'os' | 'cpu' | 'libc'>}
 */
export function platformOf(name) {
  const words = name.split('/').at(-1)?.split(/[-.]/) ?? [];
  // WebAssembly runs on every system.
  if (words.includes('wasm32')) return { cpu: ['wasm32'] };
  const os = words.map((word) => systems.get(word)).find((each) => each !== undefined);
  const cpu = words.map((word) => processors.get(word)).find((each) => each !== undefined);
  if (!os || !cpu) throw new Error(`the name of ${name} does not say for which system it is`);
  const libc = words.some((word) => word.startsWith('musl'))
    ? 'musl'
    : words.some((w) => w.startsWith('gnu'))
      ? 'glibc'
      : '';
  return { os: [os], cpu: [cpu], ...(os === 'linux' && libc ? { libc: [libc] } : {}) };
}

const systems = new Map(
  ['android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32', 'aix'].map(
    (name) => [name, name],
  ),
).set('windows', 'win32');

const processors = new Map(
  ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'].map((name) => [name, name]),
).set('64', 'x64');
