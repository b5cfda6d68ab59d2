import { expect, test } from 'vitest';
import { encodeLine, encodeRequest, LineSplitter, maxLineCharacters, parseRequest } from './protocol.ts';

test('a request arrives as it was sent', () => {
  const start = {
    file: '/bin/postgres',
    args: ['-D', '/data'],
    env: { LC_ALL: 'C' },
    cwd: '/data',
    osUser: { uid: 105, gid: 110, name: 'postgres' },
    logFile: '/log',
  };
  const request = { id: 3, method: 'start', params: start } as const;
  expect(parseRequest(encodeRequest(request).trimEnd())).toEqual(request);
});

test.each([
  ['no JSON', 'hello'],
  ['no object', '[1]'],
  ['no id', '{"version":1,"method":"status"}'],
  ['another version', '{"version":2,"id":1,"method":"status"}'],
  ['an unknown method', '{"version":1,"id":1,"method":"reboot"}'],
  ['an unknown signal', '{"version":1,"id":1,"method":"signal","params":{"signal":"SIGKILL"}}'],
  ['a deadline that is no number', '{"version":1,"id":1,"method":"arm","params":{"deadlineMs":"soon"}}'],
])('%s is refused', (_, line) => {
  expect(() => parseRequest(line)).toThrow(expect.objectContaining({ code: 'PROTOCOL_VIOLATION' }));
});

test('lines are put together again however the stream was cut', () => {
  const lines = new LineSplitter();
  expect(lines.push('{"a"')).toEqual([]);
  expect(lines.push(':1}\n{"b":2}\n{')).toEqual(['{"a":1}', '{"b":2}']);
  expect(lines.push('}\n')).toEqual(['{}']);
});

test('a line without end is not kept', () => {
  const lines = new LineSplitter();
  expect(() => lines.push('x'.repeat(maxLineCharacters + 1))).toThrow(/characters/);
  expect(() => encodeLine({ text: 'x'.repeat(maxLineCharacters) })).toThrow(/too long/);
});
