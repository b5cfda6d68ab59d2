import { describe, expect, it } from 'vitest';
import { parametersIn } from './cluster-restore.ts';

describe('the parameters of restored data', () => {
  it('are what people had set, not what QuantaDB decides', () => {
    const text =
      "work_mem = '5MB'\nsynchronous_commit = 'on'\nprimary_conninfo = 'x'\nsearch_path = 'a''b'\n# c = 'd'\n";
    expect(parametersIn(text)).toEqual({ work_mem: '5MB', search_path: "a'b" });
  });
});
