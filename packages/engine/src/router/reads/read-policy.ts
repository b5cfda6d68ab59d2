import type { Statement } from '../classify/classifier.ts';
import type { Wish } from '../pool/pool-resources.ts';
import type { RouterTopology } from '../topology.ts';
import type { Consistency } from './consistency.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { BalanceStrategy, LoadBalancer, ReadCandidate } from './load-balancer.ts';
import type { WriteClock, WriteToken } from './write-clock.ts';

export interface ReadSettings {
  balance: BalanceStrategy;
  lagBytesMax: number;
  lagMsMax: number;
  boundedLagMs: number;
}

export interface ReadPolicyOptions {
  /** May change while the session lasts. */
  isSplit(): boolean;
  consistency(): Consistency;
  balancer: LoadBalancer;
  monitor: HealthMonitor;
  clock: WriteClock;
  topology(): RouterTopology;
  settings(): ReadSettings;
  /** Connections of this router that are in use on that server. */
  busyOn(node: string): number;
  isProvenRead(statement: Statement): boolean;
}

/** Where one session's statements go: to the primary, unless it has asked for more and the statement is proven to read. */
export class ReadPolicy {
  private readonly options: ReadPolicyOptions;
  private token: WriteToken | null = null;
  /** It has written while nobody wanted to know where that lies. */
  private isTokenDue = false;

  constructor(options: ReadPolicyOptions) {
    this.options = options;
  }

  route(statement: Statement): Wish {
    const { isSplit, isProvenRead, topology } = this.options;
    const { facts } = statement;
    // Without a primary for good there is nothing to keep reads together with.
    const isSpread = isSplit() || facts.hint === 'replica' || topology().follows !== null;
    if (facts.hint === 'primary' || !isSpread) return null;
    if (!facts.beginsReadOnly && !isProvenRead(statement)) return null;
    return this.replica();
  }

  /** Something was done on the primary that may have written. */
  wrote(): void {
    const { isSplit, consistency, clock } = this.options;
    // Without a split a read may still be sent away by its hint, or after the split is switched on.
    this.isTokenDue = !isSplit() || consistency() !== 'session';
    if (!this.isTokenDue) this.token = clock.token();
  }

  private replica(): Wish {
    const { monitor, balancer, topology, settings } = this.options;
    const consistency = this.options.consistency();
    if (consistency === 'strong') return null;
    monitor.wanted();
    const { balance, lagBytesMax, lagMsMax, boundedLagMs } = settings();
    const limits = {
      lagBytesMax,
      lagMsMax: consistency === 'bounded' ? Math.min(boundedLagMs, lagMsMax) : lagMsMax,
    };
    const candidates = topology().nodes.filter(({ name, isReadable }) => isReadable && this.isCurrent(name));
    const chosen = balancer.choose(
      balance,
      candidates.map(
        (node): ReadCandidate => ({
          ...{ name: node.name, weight: node.weight, lagBytes: node.lagBytes, lagMs: node.lagMs },
          busy: this.options.busyOn(node.name),
          latencyMs: monitor.latencyMs(node.name),
          readiness: monitor.readiness(node.name),
        }),
      ),
      limits,
    );
    // Better one that nobody has looked at yet than nobody: there is no primary to read from.
    const anyone = topology().follows === null ? null : (candidates[0]?.name ?? null);
    return chosen?.name ?? anyone;
  }

  /** What this session wrote can be read there. */
  private isCurrent(node: string): boolean {
    const { consistency, monitor, topology } = this.options;
    if (consistency() !== 'session') return true;
    if (this.isTokenDue) {
      this.isTokenDue = false;
      this.token = this.options.clock.token();
    }
    const { token } = this;
    if (token === null) return true;
    if (token.epoch !== topology().epoch) {
      // A position of an earlier reign says nothing here; where the new primary is now lies behind everything before it.
      this.token = this.options.clock.token();
      return false;
    }
    if (token.position === null) return false;
    return monitor.hasReplayed(node, token.position);
  }
}
