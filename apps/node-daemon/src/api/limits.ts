/** What one client of the API may take, so that none of them can stop the others. */
export interface ApiLimits {
  /** Of the TCP port; the unix socket has as many of its own, so that the host's administrator is never shut out. */
  connectionsMax: number;
  /** In the clear, from anybody: fewer, so that peers always find room. */
  plainConnectionsMax: number;
  /** From the connection to its first byte, and from there to the end of the TLS handshake. */
  handshakeTimeoutMs: number;
  headersTimeoutMs: number;
  /** From the first byte of a request to its last. */
  requestTimeoutMs: number;
  /** For the client to take an answer that is ready. */
  answerTimeoutMs: number;
  /** Longer than the peers' own idle time, so that the side that sends closes first. */
  keepAliveTimeoutMs: number;
  /** How often headers and requests are looked at for being late. */
  checkEveryMs: number;
}

export const usualLimits: ApiLimits = {
  connectionsMax: 256,
  plainConnectionsMax: 192,
  handshakeTimeoutMs: 5000,
  headersTimeoutMs: 5000,
  requestTimeoutMs: 30_000,
  answerTimeoutMs: 30_000,
  keepAliveTimeoutMs: 15_000,
  checkEveryMs: 1000,
};
