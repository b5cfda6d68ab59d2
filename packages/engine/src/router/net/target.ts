/** Where a server listens, and how to get there (pure). */
export interface ServerAddress {
  host: string;
  port: number;
  /** Directory of its unix socket when it runs on this very host. */
  socketDirectory: string | null;
  /** Also on this very host: its certificate is what lets us in. */
  needsTls?: boolean;
}

export function dialTarget(address: ServerAddress): { path: string } | { host: string; port: number } {
  const { host, port, socketDirectory } = address;
  return socketDirectory === null ? { host, port } : { path: `${socketDirectory}/.s.PGSQL.${port}` };
}

/** What stays on this machine needs no encryption. */
export function needsTls(address: ServerAddress): boolean {
  if (address.needsTls) return true;
  return address.socketDirectory === null && !/^(127\.|::1$|localhost$)/.test(address.host);
}
