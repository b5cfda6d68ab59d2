import { setTimeout as delay } from 'node:timers/promises';
import type { NetworkLab } from './network-lab.ts';

/**
 * What is cut between the hosts of a lab. Packets are dropped where they arrive, one direction at a time, without an
 * answer to the sender and also on connections that stand; the test's clients are never cut off.
 */
export class Partition {
  private readonly lab: NetworkLab;

  constructor(lab: NetworkLab) {
    this.lab = lab;
  }

  /** Nothing that `from` sends reaches `to`. */
  async cut(from: string, to: string): Promise<void> {
    await this.lab.drop(to, [from]);
  }

  /** Both directions. */
  async part(left: string, right: string): Promise<void> {
    await Promise.all([this.cut(left, right), this.cut(right, left)]);
  }

  async isolate(host: string): Promise<void> {
    const others = this.lab.hosts.filter((other) => other !== host);
    await this.split([[host], others]);
  }

  /** Hosts of one group hear each other, and nobody of another. */
  async split(groups: readonly (readonly string[])[]): Promise<void> {
    await Promise.all(
      groups.flatMap((group) => {
        const strangers = groups.filter((other) => other !== group).flat();
        return group.map((host) => this.lab.drop(host, strangers));
      }),
    );
  }

  /** Cuts and heals, over and over. */
  async flap(
    cut: () => Promise<void>,
    { times, everyMs }: { times: number; everyMs: number },
  ): Promise<void> {
    for (let flap = 0; flap < times; flap += 1) {
      await cut();
      await delay(everyMs);
      await this.heal();
      await delay(everyMs);
    }
  }

  async heal(): Promise<void> {
    await Promise.all(this.lab.hosts.map((host) => this.lab.dropNothing(host)));
  }
}
