import type { OperationRequest } from '../../contract/operations.ts';
import { messageOf } from '../../shared/errors.ts';
import type { SimulatedHost } from './host.ts';
import type { World } from './world.ts';

/**
 * Somebody who asks for a switchover now and then, or for a restart or a new copy, through whatever daemon, of whatever node, in
 * whatever state the cluster is: what is refused is refused, what is begun has to end.
 */
export class Person {
  /** Operations that were put into the log, by kind. */
  readonly begun = new Map<OperationRequest['kind'], number>();
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

  private wish(node: string): OperationRequest {
    const dice = this.world.random();
    if (dice < 0.6) return { kind: 'switchover', to: node };
    if (dice < 0.75) return { kind: 'restart-node', node };
    return dice < 0.85 ? { kind: 'rolling-restart' } : { kind: 'reinitialise-node', node };
  }

  private async ask(via: string, to: string): Promise<void> {
    const coordinator = this.hosts.get(via)?.coordinator;
    if (!coordinator) return;
    const request = this.wish(to);
    try {
      const plan = await coordinator.plan(request);
      if (plan.refusal !== null) return;
      await coordinator.start({ request, planHash: plan.hash, requestedBy: 'a person', reason: '' });
      this.begun.set(request.kind, (this.begun.get(request.kind) ?? 0) + 1);
      this.world.note(`somebody asked ${via} for ${request.kind} (${to})`);
    } catch (error) {
      this.world.note(`${via} did not begin ${request.kind} (${to}): ${messageOf(error)}`);
    }
  }
}
