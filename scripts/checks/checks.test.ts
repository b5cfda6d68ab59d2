import { describe, expect, it } from 'vitest';
import { errorProblems } from './errors.mjs';
import { specProblems } from './spec.mjs';
import { styleProblems } from './style.mjs';
import { wordProblems } from './words.mjs';

function linesOf(count: number): string {
  return 'call();\n'.repeat(count);
}

describe('the check of style', () => {
  it('finds functions and files that are too long', () => {
    const long = `function long() {\n${linesOf(69)}}\n`;
    expect(styleProblems('a.ts', long)).toEqual(['a.ts:1 a function of 71 lines (70)']);
    expect(styleProblems('a.ts', `function fits() {\n${linesOf(68)}}\n`)).toEqual([]);
    expect(styleProblems('a.ts', linesOf(401))).toEqual(['a.ts has 401 lines (400)']);
    expect(styleProblems('a.ts', linesOf(400))).toEqual([]);
  });

  it('lets a suite be long, but not a test in it', () => {
    const body = linesOf(80);
    expect(styleProblems('a.test.ts', `describe('all', () => {\n${body}});\n`)).toEqual([]);
    expect(styleProblems('a.test.ts', `it('is one', () => {\n${body}});\n`)).toHaveLength(1);
  });

  it.each(['it', 'test', 'describe', 'it.concurrent'])('finds %s.only in a test', (name) => {
    expect(styleProblems('a.test.ts', `${name}.only('x', run);\n`)).toHaveLength(1);
    expect(styleProblems('a.ts', 'reader.only();\n')).toEqual([]);
  });

  it('finds work left undone', () => {
    expect(styleProblems('a.ts', `// ${'TO'}DO later\n`)).toHaveLength(1);
    expect(styleProblems('a.ts', '// todos are a list\n')).toEqual([]);
  });
});

describe('the check of the specification', () => {
  const specification = '- **I-RAFT-1** One leader.\n- **I-RAFT-2** One log, after I-RAFT-1.\n';

  it('finds an invariant that no title names; a comment does not count', () => {
    const text = "describe('a', () => {\n  // I-RAFT-2\n  it.each([1])(`elects one (I-RAFT-1)`, run);\n});\n";
    expect(specProblems(specification, [{ file: 'a.test.ts', text }])).toEqual([
      "I-RAFT-2 is named by no test's title",
    ]);
  });

  it('finds an id that is not stated', () => {
    const text = "test('I-RAFT-1 I-RAFT-2 I-RAFT-9', run);\n";
    expect(specProblems(specification, [{ file: 'a.test.ts', text }])).toEqual([
      'a.test.ts names I-RAFT-9, which is not stated',
    ]);
  });
});

describe('the check of error codes', () => {
  const source = "export const errorCodes = [\n  'REFUSED',\n  'NO_QUORUM',\n] as const;\n";

  it('is content when every code is explained', () => {
    expect(errorProblems(source, '| `REFUSED` | no | ask |\n| `NO_QUORUM` | few | wait |\n')).toEqual([]);
  });

  it('finds missing, unknown and empty rows', () => {
    expect(errorProblems(source, '| `REFUSED` | no | |\n| `OLD` | gone | wait |\n')).toEqual([
      'NO_QUORUM has no row in docs/errors.md',
      'docs/errors.md explains OLD, no such code',
      'docs/errors.md: REFUSED lacks its meaning or its next step',
    ]);
  });
});

describe('the check of words', () => {
  const path = `/${'work'}/main/a.ts`;

  it.each([`see ${path}`, `'${path}'`, path])('finds the path in %s', (line) => {
    expect(wordProblems('a.md', line)).toHaveLength(1);
  });

  it('leaves other paths alone', () => {
    expect(wordProblems('a.md', `apps${path} https://example.org${path}`)).toEqual([]);
  });

  it('finds a registry in the lock file only', () => {
    const line = '"resolved": "https://registry.example.org/a.tgz"';
    expect(wordProblems('package-lock.json', line)).toHaveLength(1);
    expect(wordProblems('package-lock.json', '"resolved": "packages/engine"')).toEqual([]);
    expect(wordProblems('a.json', line)).toEqual([]);
  });
});
