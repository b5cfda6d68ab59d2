import type { RouterNode, RouterTopology } from '../topology.ts';
import { ControlConnection, type ControlTls } from './control-connection.ts';

/** One control connection per server, kept as the topology says. */
export class ControlConnections {
  private readonly tls: () => ControlTls;
  private readonly open = new Map<string, { connection: ControlConnection; place: string }>();
  private topology: RouterTopology | null = null;

  constructor(tls: () => ControlTls) {
    this.tls = tls;
  }

  use(topology: RouterTopology): void {
    this.topology = topology;
    for (const [name, { connection, place }] of this.open) {
      const node = topology.nodes.find((each) => each.name === name);
      if (node && placeOf(node) === place) continue;
      connection.close();
      this.open.delete(name);
    }
  }

  to(node: RouterNode): ControlConnection {
    const known = this.open.get(node.name);
    if (known) return known.connection;
    const connection = new ControlConnection(node, this.tls);
    this.open.set(node.name, { connection, place: placeOf(node) });
    return connection;
  }

  /** Another one after every loss of the connection, null without one: who had to be connected to anew may have been restarted. */
  sessionOf(name: string): number | null {
    return this.open.get(name)?.connection.session ?? null;
  }

  /** Asks the primary, else whoever answers: all of them hold the same. @throws the last failure */
  async askAny<Row extends object>(text: string, values: unknown[], timeoutMs: number): Promise<Row[]> {
    const { nodes = [], primary = null } = this.topology ?? {};
    const order = [...nodes].sort(
      (left, right) => Number(right.name === primary) - Number(left.name === primary),
    );
    let last: unknown = new Error('no server of the cluster is known');
    for (const node of order) {
      try {
        return await this.to(node).ask<Row>(text, values, timeoutMs);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  close(): void {
    for (const { connection } of this.open.values()) connection.close();
    this.open.clear();
  }
}

function placeOf(node: RouterNode): string {
  return `${node.host}:${node.port}`;
}
