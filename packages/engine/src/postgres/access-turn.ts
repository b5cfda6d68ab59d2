/** Who writes pg_hba.conf, of each data directory: a change of settings, or a trial of lines, never both at a time. */
const turns = new Map<string, Promise<unknown>>();

export async function inAccessTurn<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  const turn = (turns.get(dataDir) ?? Promise.resolve()).then(work);
  const ended = turn.catch(() => undefined);
  turns.set(dataDir, ended);
  try {
    return await turn;
  } finally {
    if (turns.get(dataDir) === ended) turns.delete(dataDir);
  }
}
