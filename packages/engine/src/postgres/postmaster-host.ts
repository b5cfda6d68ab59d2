/** The OS user that PostgreSQL and its tools run as; null when the daemon itself is that ordinary user. */
export interface OsUser {
  uid: number;
  gid: number;
  name: string;
}

export interface PostmasterStart {
  file: string;
  args: string[];
  env: Record<string, string>;
  cwd: string;
  osUser: OsUser | null;
  /** Receives the server's standard output and error; appended to. */
  logFile: string;
}

export interface PostmasterExit {
  code: number | null;
  signal: string | null;
}

export type PostmasterSignal = 'SIGINT' | 'SIGTERM' | 'SIGQUIT' | 'SIGHUP';

/**
 * Whoever is PostgreSQL's parent process. In production that is the reaper, so that the lease is enforced even when the
 * daemon hangs; this module only needs these calls of it.
 */
export interface PostmasterHost {
  start(start: PostmasterStart): Promise<{ pid: number }>;
  signal(signal: PostmasterSignal): Promise<void>;
  /** Ends the postmaster and every descendant at once; resolves when they are gone. */
  kill(why: string): Promise<void>;
  status(): Promise<{ postmaster: { pid: number } | null }>;
  /** Answers a function that removes the listener. */
  onExit(listener: (exit: PostmasterExit) => void): () => void;
}
