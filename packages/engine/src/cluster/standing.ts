/**
 * Since when this node has been without the cluster's guidance (pure; wall clock, for people): no Raft leader, so nobody
 * can be made primary, and nothing received from a primary.
 */
export class Standing {
  private leaderlessSinceMs: number | null = null;
  private unfedSinceMs: number | null = null;

  /** @param isFed it is the primary, or receives WAL from one */
  look(now: { wallMs: number; hasLeader: boolean; isFed: boolean }): void {
    this.leaderlessSinceMs = now.hasLeader ? null : (this.leaderlessSinceMs ?? now.wallMs);
    this.unfedSinceMs = now.isFed ? null : (this.unfedSinceMs ?? now.wallMs);
  }

  since(): { leaderlessSinceMs: number | null; unfedSinceMs: number | null } {
    return { leaderlessSinceMs: this.leaderlessSinceMs, unfedSinceMs: this.unfedSinceMs };
  }
}
