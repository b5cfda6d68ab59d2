import { describe, expect, test } from 'vitest';
import { SimulatedNetwork } from './testing/network.ts';

describe('elections', () => {
  test('I-RAFT-1: three nodes elect one leader, and all follow it', () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const network = new SimulatedNetwork({ seed, voters: 3 });
      const leader = network.runUntilLed();
      network.advance(200);
      const statuses = [...network.nodes.values()].map((node) => node.core?.status());
      expect(statuses.map((status) => status?.leaderId)).toEqual([leader.id, leader.id, leader.id]);
      expect(statuses.filter((status) => status?.role === 'leader')).toHaveLength(1);
    }
  });
});
