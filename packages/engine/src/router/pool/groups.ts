import type { SecureContext } from 'node:tls';
import type { RouterSettings } from '../../contract/router-settings.ts';
import type { Logger } from '../../shared/logger.ts';
import type { Counters } from '../counters.ts';
import type { Databases } from '../databases.ts';
import { type ConnectFailure, type ServerCredential, shakeHands } from '../server/handshake.ts';
import { ServerConnection } from '../server/server-connection.ts';
import type { RouterTopology } from '../topology.ts';
import { PoolGroup } from './pool-group.ts';
import { isTemporary, type Opened, type PoolIdentity, type PoolResources } from './pool-resources.ts';

export interface GroupsOptions {
  counters: Counters;
  databases: Databases;
  logger: Logger;
  nowMs(): number;
  topology(): RouterTopology;
  settings(): RouterSettings;
  tls(): SecureContext;
  /** A connection to that server could not be made. */
  failed(node: string): void;
}

/** All pools of a router, and what they share: the limits of each server. */
export class Groups {
  private readonly options: GroupsOptions;
  private readonly resources: PoolResources;
  private readonly known = new Map<string, PoolGroup>();
  private readonly paused = new Set<string>();
  /** Sessions that have a server and wait for RESUME. */
  private readonly held = new Set<() => void>();

  constructor(options: GroupsOptions) {
    this.options = options;
    const { counters, nowMs, topology, settings } = options;
    this.resources = {
      ...{ counters, nowMs, topology, settings },
      isPaused: (database) => this.isPaused(database),
      mayOpen: (node) => this.mayOpen(node),
      connect: (group, node, onClosed) => this.connect(group, node, onClosed),
    };
  }

  /** The group of a user and database; its connections from now on are made with `credential`. */
  get(user: string, database: string, credential: ServerCredential): PoolGroup {
    const key = `${user}\0${database}`;
    const known = this.known.get(key);
    if (known) {
      known.credential = credential;
      known.usedAtMs = this.options.nowMs();
      return known;
    }
    const made = new PoolGroup({ user, database, credential }, this.resources);
    this.known.set(key, made);
    return made;
  }

  list(): PoolGroup[] {
    return [...this.known.values()];
  }

  isPaused(database: string): boolean {
    return this.paused.size > 0 && (this.paused.has(database) || this.paused.has(allDatabases));
  }

  /** @returns false when it is still paused after `timeoutMs` */
  resumed(database: string, timeoutMs: number): Promise<boolean> {
    return new Promise((settle) => {
      const timer = setTimeout(() => look(true), timeoutMs);
      const look = (isOver = false) => {
        if (this.isPaused(database) && !isOver) return;
        clearTimeout(timer);
        this.held.delete(look);
        settle(!isOver);
      };
      this.held.add(look);
    });
  }

  pause(database: string | null): void {
    this.paused.add(database ?? allDatabases);
  }

  resume(database: string | null): void {
    if (database === null) this.paused.clear();
    else this.paused.delete(database);
    for (const look of [...this.held]) look();
    this.sweep();
  }

  topologyChanged(): void {
    const now = this.options.topology();
    const lost = new Set<string>();
    if (now.primary !== null && this.openPrimary !== null && this.openPrimary !== now.primary)
      lost.add(this.openPrimary);
    this.openPrimary = now.primary ?? this.openPrimary;
    for (const group of this.known.values()) group.topologyChanged(lost);
  }

  sweep(): void {
    for (const group of this.known.values()) {
      group.sweep();
      this.readCatalogueAgain(group);
    }
    this.forgetUnused();
  }

  /** Of databases, too: clients may ask for as many names as they like, and each would be remembered for good. */
  private forgetUnused(): void {
    const { nowMs, databases } = this.options;
    const before = this.known.size;
    for (const [key, group] of this.known) {
      if (group.isUsed) group.usedAtMs = nowMs();
      else if (nowMs() - group.usedAtMs > forgetAfterMs) this.known.delete(key);
    }
    if (this.known.size < before) databases.keepOnly(new Set(this.list().map(({ database }) => database)));
  }

  private readCatalogueAgain(group: PoolGroup): void {
    const { databases, nowMs } = this.options;
    const { catalogue } = databases.get(group.database);
    if (!catalogue.isDue(nowMs())) return;
    const server = group.takeUnused();
    if (!server) return;
    catalogue.read(server, nowMs, (problem) => {
      this.tellCatalogue(group.database, problem);
      group.release(server);
    });
  }

  /** Often: nobody waits long behind a statement that turns out to be slow. */
  relieveShared(): void {
    for (const group of this.known.values()) group.relieveShared();
  }

  get hasShared(): boolean {
    return [...this.known.values()].some(({ poolList }) => poolList.some(({ shared }) => shared.size > 0));
  }

  /** Connections to that server that somebody uses. */
  busyOn(node: string): number {
    let busy = 0;
    for (const group of this.known.values()) busy += group.busyOn(node);
    return busy;
  }

  isUsed(node: string): boolean {
    return this.openOn(node) > 0;
  }

  /** Of a primary, or one that was and has no successor yet, commits may be on their way. */
  silent(node: string, isFirst: boolean): void {
    if (node === this.openPrimary) return;
    for (const group of this.known.values()) group.silent(node, isFirst);
  }

  closeAll(): void {
    for (const group of this.known.values()) group.closeAll();
  }

  /** The last node that was open for writes: its connections end when another one is. */
  private openPrimary: string | null = null;

  private openOn(node: string): number {
    return this.list()
      .flatMap((group) => group.poolList)
      .filter((pool) => pool.node === node)
      .reduce((sum, pool) => sum + pool.openCount, 0);
  }

  private mayOpen(node: string): boolean {
    if (this.openOn(node) < this.options.settings().serverConnectionsMax) return true;
    return this.list().some((group) => group.giveUpIdle(node));
  }

  private async connect(
    group: PoolIdentity,
    nodeName: string,
    onClosed: (server: ServerConnection) => void,
  ): Promise<Opened> {
    const { topology, settings, tls, counters, nowMs } = this.options;
    const node = topology().nodes.find((each) => each.name === nodeName);
    if (!node) return { ok: false, failure: { kind: 'unreachable', detail: 'it has left the cluster' } };
    const { user, database, credential } = group;
    const outcome = await shakeHands({
      ...{ address: node, user, database, credential, tls: tls(), parameters: [] },
      timeoutMs: settings().connectTimeoutMs,
    });
    if (!outcome.ok) {
      if (isAboutTheServer(outcome.failure)) this.options.failed(nodeName);
      return outcome;
    }
    counters.serversOpened++;
    const isStandby = outcome.greeting.parameters.get('in_hot_standby') === 'on';
    const server = new ServerConnection(outcome.greeting, {
      ...{ node: nodeName, nowMs, onClosed },
      onSharedIdle: (idle) => group.sharedIdle(idle),
    });
    // Consensus says primary, PostgreSQL says standby: one of them is late. The next look decides.
    if (isStandby && topology().primary === nodeName) {
      server.close();
      return { ok: false, failure: { kind: 'unreachable', detail: 'it is a standby at the moment' } };
    }
    return { ok: true, server: await this.withCatalogue(server, database) };
  }

  private tellCatalogue(database: string, problem: string | null): void {
    const words = 'what functions and views do cannot be read: no statement is taken for a read until it can';
    if (problem !== null) this.options.logger.warn({ database, problem }, words);
  }

  /** A new connection is where the catalogue is read, before anybody uses it. */
  private withCatalogue(server: ServerConnection, database: string): Promise<ServerConnection> {
    const { databases, nowMs, topology } = this.options;
    const { catalogue } = databases.get(database);
    // A standby may not have heard yet of what has just been changed.
    const isLate = topology().follows === null && server.node !== topology().primary;
    if (isLate || !catalogue.isDue(nowMs())) return Promise.resolve(server);
    return new Promise((resolve) =>
      catalogue.read(server, nowMs, (problem) => {
        this.tellCatalogue(database, problem);
        resolve(server);
      }),
    );
  }
}

/** And not about who asked: a role without a right says nothing of the server's health. */
function isAboutTheServer(failure: ConnectFailure): boolean {
  return failure.kind !== 'refused' || isTemporary(failure);
}

const forgetAfterMs = 60_000;
const allDatabases = '\0';
