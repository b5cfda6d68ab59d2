import type { PrismaClient } from '@quantadb/prisma/client';
import type { ChannelStore } from './alerts/channel-store.ts';
import type { Audit } from './audit/audit.ts';
import type { ClusterRegistry } from './clusters/registry.ts';
import type { FiguresStore } from './history/figures.ts';
import type { SampleStore } from './history/samples.ts';
import type { StatementStore } from './history/statements.ts';
import type { AuthorityKeeper } from './hosts/authority.ts';
import type { Enrolment } from './hosts/enrolment.ts';
import type { HostLinks } from './hosts/host-links.ts';
import type { OwnAccount } from './people/own-account.ts';
import type { People } from './people/people.ts';
import type { SecondFactor } from './people/second-factor.ts';

/** What procedures work with. */
export interface Services {
  prisma: PrismaClient;
  people: People;
  account: OwnAccount;
  secondFactor: SecondFactor;
  audit: Audit;
  registry: ClusterRegistry;
  samples: SampleStore;
  figures: FiguresStore;
  statements: StatementStore;
  keeper: AuthorityKeeper;
  enrolment: Enrolment;
  links: HostLinks;
  channels: ChannelStore;
  publicUrl: string;
  /** The identity provider, as people know it. */
  provider: { name: string } | null;
  /** Tells every browser to fetch alerts anew. */
  alertsChanged(clusterId: string | null): void;
  /** Judges what is open in somebody's name anew, on every console; null: in anybody's. */
  accessChanged(caller: { kind: 'user' | 'token'; id: string } | null): void;
}
