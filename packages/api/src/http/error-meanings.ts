import type { ErrorCode } from '@quantadb/engine/shared/errors';

export interface ErrorMeaning {
  /** A few words, the same at every occurrence. */
  title: string;
  meaning: string;
  nextStep: string;
}

/** In the place of what nobody threw on purpose. */
export const unexpectedWords = 'something failed; the log of the console says what';

/** What every code means, in the words of docs/errors.md; a test compares the two. */
export const errorMeanings: Record<ErrorCode, ErrorMeaning> = {
  CONFIG_INVALID: {
    title: 'Configuration is wrong',
    meaning:
      'A configuration file, an option or an input is missing, malformed or contradicts another one. Nothing was changed.',
    nextStep: 'Correct the field that the message names, then try again.',
  },
  PREFLIGHT_FAILED: {
    title: 'The host is not fit',
    meaning:
      'The host is not fit to run a node: a program, a user, a port, a directory or a permission is missing. Nothing was started.',
    nextStep: 'Mend what the message lists (all findings are listed at once), then start the daemon again.',
  },
  NOT_LEADER: {
    title: 'Not the leader',
    meaning: "The node that was asked does not lead the cluster's Raft group, so it cannot decide.",
    nextStep:
      'Ask the node that the message names; the command line does so by itself. Without a name, an election is under way: try again in a second.',
  },
  NO_QUORUM: {
    title: 'Too few voters',
    meaning:
      'Too few voters can be reached to decide anything. The primary is fenced when its lease ends; what is proven to be acknowledged is still served, read-only.',
    nextStep:
      'Bring back enough nodes for a majority; `quantadb status` names those that are missing, and what is served until then.',
  },
  DEADLINE_EXCEEDED: {
    title: 'Not done in time',
    meaning: 'Something did not happen within its time. Whether it still took effect is unknown.',
    nextStep:
      'Look at the state first (`quantadb status`, `quantadb operations`), then repeat what did not happen.',
  },
  REFUSED: {
    title: 'Refused in this state',
    meaning:
      'The cluster is in a state in which the request would be unsafe or pointless. Nothing was changed.',
    nextStep: 'Remove the reason that the message gives, or wait until the operation under way has ended.',
  },
  NOT_FOUND: {
    title: 'Not found',
    meaning: 'There is no such cluster, node, host, operation or file.',
    nextStep: 'Check the name; `quantadb status` and `quantadb operations` list what exists.',
  },
  UNAUTHORIZED: {
    title: 'Nobody is signed in',
    meaning: 'The caller showed no valid certificate or credential, or one that does not allow this.',
    nextStep:
      "Use the operator's certificate or the local socket; on a node, check that its certificate comes from this installation's authority.",
  },
  PEER_UNREACHABLE: {
    title: 'A host cannot be reached',
    meaning: "Another node's daemon could not be reached, or the connection broke before the answer.",
    nextStep:
      'Check that its daemon runs and that the network and firewall let its ports through, then try again.',
  },
  PROTOCOL_VIOLATION: {
    title: 'The protocol is not followed',
    meaning:
      'A peer, client or helper process sent something that does not follow the protocol. The connection was closed.',
    nextStep:
      'Check that all nodes run the same version of QuantaDB, and that nothing else uses these ports.',
  },
  POSTGRES_FAILED: {
    title: 'PostgreSQL failed',
    meaning: 'PostgreSQL or one of its programs failed or answered with an error; the message quotes it.',
    nextStep:
      "Read the quoted text and the node's PostgreSQL log; a full disk and a setting that the server refuses are the usual reasons.",
  },
  BACKUP_FAILED: {
    title: 'A backup failed',
    meaning:
      'pgBackRest refused or failed; the message quotes it. What was in the repository before is still there.',
    nextStep:
      'Do what the hint says; an unreachable or full repository, a wrong passphrase and WAL that does not reach the archive are the usual reasons.',
  },
  STORAGE_CORRUPT: {
    title: 'Storage is damaged',
    meaning:
      'A file that QuantaDB keeps is damaged in a way that a crash does not explain. The node does not start from it.',
    nextStep:
      'Keep a copy for analysis, remove the node from the cluster and add it again, so that it starts over from a clone. Check the disk.',
  },
  STORAGE_FAILED: {
    title: 'Storage failed',
    meaning:
      'A write or fsync failed. What is on the disk is unknown, so the node has left the group; it does not try again.',
    nextStep:
      'Check the disk and its free space, then restart the daemon; replace the disk if it happens again.',
  },
  INVARIANT_BROKEN: {
    title: 'A bug',
    meaning:
      'QuantaDB found itself in a state that must not exist: a bug. The process has stopped rather than go on.',
    nextStep: 'Restart the daemon, and report the message and the log before it.',
  },
  INPUT_INVALID: {
    title: 'The request is not valid',
    meaning:
      'A request has a body, a parameter or a header that its description does not allow. Nothing was changed.',
    nextStep:
      'Compare the request with the console\'s page "API" (`/api-docs`); the message names every field that is wrong.',
  },
  FORBIDDEN: {
    title: 'Not permitted',
    meaning:
      'It is known who asks, and his role does not permit this, on this cluster or at all. Nothing was changed.',
    nextStep: 'Ask an administrator for a role that does, or use another token.',
  },
  RATE_LIMITED: {
    title: 'Too many requests',
    meaning: 'Too many requests of one person, token or address in a short time. Nothing was done.',
    nextStep: 'Wait for the seconds that the header `Retry-After` names, then send it again.',
  },
  UNEXPECTED: {
    title: 'Something failed',
    meaning: 'Something failed that has no code of its own. What was asked for may have happened in part.',
    nextStep: 'Look at the state first, then into the log of the console, which has the whole error.',
  },
};
