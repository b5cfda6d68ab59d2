import { describe, expect, it } from 'vitest';
import { durabilityOf, nodeChangeOf, parameterChanges, routerChanges } from './settings-arguments.ts';

describe('arguments of commands that change settings', () => {
  it('switch reads for users and databases, and say what is not understood', () => {
    const given = ['splitUsers=anna=on, etl=off', 'splitOnSuffix=_reads', 'split=on'];
    const changes = { splitUsers: 'anna=on, etl=off', splitOnSuffix: '_reads', split: true };
    expect(routerChanges(given, ['splitDatabases'])).toEqual({ ...changes, splitDatabases: null });
    expect(() => routerChanges(['splitUsers=anna'], [])).toThrow(/^splitUsers: name=on/);
  });

  it('take name=value, with equals signs in the value, and names to reset', () => {
    expect(parameterChanges(['work_mem=8MB', 'search_path = a=b'], ['max_connections'])).toEqual({
      max_connections: null,
      work_mem: '8MB',
      search_path: 'a=b',
    });
  });

  it('name what they do not understand', () => {
    expect(() => parameterChanges(['work_mem'], [])).toThrow(/work_mem is no name=value/);
    expect(() => parameterChanges(['Work Mem=1'], [])).toThrow(/Work Mem/);
    expect(() => parameterChanges([], [])).toThrow(/at least one parameter/);
    expect(() => durabilityOf('most')).toThrow(/mode/);
    expect(() => durabilityOf('quorum', 'strict', { syncTimeout: 'soon' })).toThrow(/syncTimeoutMs/);
  });

  it('read what a node is used for', () => {
    expect(nodeChangeOf({ priority: '80', failover: 'no', reads: 'yes', zone: 'none' })).toEqual({
      ...{ priority: 80, noFailover: true, noLoadBalance: false, zone: null },
    });
    expect(nodeChangeOf({ zone: 'rack-2', weight: '20' })).toEqual({ zone: 'rack-2', weight: 20 });
    expect(nodeChangeOf({ upstream: 'node-2', delay: '90min' })).toEqual({
      ...{ upstream: 'node-2', applyDelayMs: 5_400_000 },
    });
    expect(nodeChangeOf({ upstream: 'primary', delay: 'none' })).toEqual({ upstream: null, applyDelayMs: 0 });
    for (const delay of ['1', 'soon', '-1h', '100d']) expect(() => nodeChangeOf({ delay })).toThrow();
    expect(() => nodeChangeOf({})).toThrow(/at least one change/);
    expect(() => nodeChangeOf({ failover: 'maybe' })).toThrow(/--failover takes yes or no/);
    expect(() => nodeChangeOf({ priority: '101' })).toThrow(/priority/);
    expect(() => nodeChangeOf({ weight: '0' })).toThrow(/weight/);
  });

  it('read a durability', () => {
    expect(durabilityOf('quorum', 'strict', { syncTimeout: '10', acrossZones: true })).toMatchObject({
      acrossZones: true,
    });
    expect(durabilityOf('all', 'available', { syncTimeout: '3' })).toEqual({
      mode: 'all',
      strictness: 'available',
      syncTimeoutMs: 3000,
    });
  });
});
