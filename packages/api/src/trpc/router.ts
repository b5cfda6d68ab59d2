import { accountRouter } from './account.ts';
import { alertChannelsRouter } from './alert-channels.ts';
import { alertRulesRouter } from './alert-rules.ts';
import { alertsRouter } from './alerts.ts';
import { auditRouter } from './audit.ts';
import { backupsRouter } from './backups.ts';
import { clustersRouter } from './clusters.ts';
import { diagnosisRouter } from './diagnosis.ts';
import { failoversRouter } from './failovers.ts';
import { foundingRouter } from './founding.ts';
import { hostsRouter } from './hosts.ts';
import { router } from './init.ts';
import { logsRouter } from './logs.ts';
import { operationsRouter } from './operations.ts';
import { peopleRouter, setupRouter } from './people.ts';
import { protectionRouter } from './protection.ts';
import { replicationRouter } from './replication.ts';
import { restoresRouter } from './restores.ts';
import { sessionsRouter } from './sessions.ts';
import { statementsRouter } from './statements.ts';
import { tokensRouter } from './tokens.ts';

export const appRouter = router({
  account: accountRouter,
  alertChannels: alertChannelsRouter,
  alertRules: alertRulesRouter,
  alerts: alertsRouter,
  audit: auditRouter,
  backups: backupsRouter,
  clusters: clustersRouter,
  diagnosis: diagnosisRouter,
  failovers: failoversRouter,
  founding: foundingRouter,
  hosts: hostsRouter,
  logs: logsRouter,
  operations: operationsRouter,
  people: peopleRouter,
  protection: protectionRouter,
  replication: replicationRouter,
  restores: restoresRouter,
  sessions: sessionsRouter,
  setup: setupRouter,
  statements: statementsRouter,
  tokens: tokensRouter,
});

export type AppRouter = typeof appRouter;
