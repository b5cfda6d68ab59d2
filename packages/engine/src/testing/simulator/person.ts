import type { OperationRequest } from '../../contract/operations.ts';
import { messageOf } from '../../shared/errors.ts';
import type { SimulatedHost } from './host.ts';
import type { World } from './world.ts';

/**
 * Somebody who asks for a switchover now and then, through whatever daemon, to whatever node, in whatever state the
 * cluster is: what is refused is refused, what is begun has to end.
 */
export class Person {
  /** Switchovers that were put into the log. */
  begun = 0;
  private readonly world: World;
  private readonly hosts: ReadonlyMap<string, SimulatedHost>;
  private isGone = false;

  constructor(world: World, hosts: ReadonlyMap<string, SimulatedHost>) {
    this.world = world;
    this.hosts = hosts;
  }

  start(everyMs: number): void {
    this.world.after(this.world.between(0, 2 * everyMs), 'client', () => {
      if (this.isGone) return;
      const names = [...this.hosts.keys()];
      const [via, to] = [this.world.pick(names), this.world.pick(names)];
      void this.ask(via, to);
      this.start(everyMs);
    });
  }

  leave(): void {
    this.isGone = true;
  }

  private async ask(via: string, to: string): Promise<void> {
    const coordinator = this.hosts.get(via)?.coordinator;
    if (!coordinator) return;
    const request: OperationRequest = { kind: 'switchover', to };
    try {
      const plan = await coordinator.plan(request);
      if (plan.refusal !== null) return;
      await coordinator.start({ request, planHash: plan.hash, requestedBy: 'a person', reason: '' });
      this.begun += 1;
      this.world.note(`somebody asked ${via} for a switchover to ${to}`);
    } catch (error) {
      this.world.note(`${via} did not begin a switchover to ${to}: ${messageOf(error)}`);
    }
  }
}
