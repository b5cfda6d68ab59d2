/** Plain numbers that the data path counts up; whoever shows them reads them later. */
export class Counters {
  clientsAccepted = 0;
  clientsRefused = 0;
  statements = 0;
  transactions = 0;
  bytesFromClients = 0;
  bytesToClients = 0;
  serversOpened = 0;
  serversFailed = 0;
  serversLost = 0;
  waits = 0;
  waitMsTotal = 0;
  waitTimeouts = 0;
  cancels = 0;
  retried = 0;
  /** Transactions ended with 40001 because their server was lost. */
  aborted = 0;
  /** 08007: nobody knows whether the commit took effect. */
  unresolved = 0;
  /** Commits whose answer was lost, and whose outcome was found out. */
  resolved = 0;
  settingsSyncs = 0;
  pins = 0;
  preparesSaved = 0;
  sharedStatements = 0;
  /** Of these, those of the extended protocol. */
  sharedBatches = 0;
  /** Statements in line that were asked elsewhere, because the one before them took long. */
  sharedMoved = 0;
  replicaReads = 0;
}
