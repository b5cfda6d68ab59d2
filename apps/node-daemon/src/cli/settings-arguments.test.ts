import { describe, expect, it } from 'vitest';
import { durabilityOf, parameterChanges } from './settings-arguments.ts';

describe('arguments of commands that change settings', () => {
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
    expect(() => durabilityOf('quorum', 'strict', 'soon')).toThrow(/syncTimeoutMs/);
  });

  it('read a durability', () => {
    expect(durabilityOf('all', 'available', '3')).toEqual({
      mode: 'all',
      strictness: 'available',
      syncTimeoutMs: 3000,
    });
  });
});
