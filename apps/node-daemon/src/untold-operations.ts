import type { Operation } from '@quantadb/engine/contract/cluster-state';

/** Which operations the control plane has to hear of: those that run, and ended ones until it has confirmed them. */
export class UntoldOperations {
  private told = new Set<string>();

  of(recent: readonly Operation[]): Operation[] {
    this.told = new Set(recent.map(({ id }) => id).filter((id) => this.told.has(id)));
    return recent.filter(({ id }) => !this.told.has(id));
  }

  confirmed(operations: readonly Operation[]): void {
    for (const { id, state } of operations) if (state !== 'running') this.told.add(id);
  }

  /** Another control plane may answer next. */
  forget(): void {
    this.told.clear();
  }
}
