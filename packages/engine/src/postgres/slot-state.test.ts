import { expect, test } from 'vitest';
import { crc32c } from '../raft/crc32c.ts';
import { checkLogicalState } from './slot-state.ts';

/** As PostgreSQL writes it: header, then name, database and persistency of the slot, then what is not looked at. */
function stateOf(name: string, { database = 5, persistency = 0 } = {}): Buffer {
  const state = Buffer.alloc(200);
  state.writeUInt32LE(0x0105_1ca1, 0);
  state.writeUInt32LE(5, 8);
  state.writeUInt32LE(state.length - 16, 12);
  state.write(name, 16, 'latin1');
  state.writeUInt32LE(database, 80);
  state.writeUInt32LE(persistency, 84);
  state.writeUInt32LE(crc32c(state.subarray(8)), 4);
  return state;
}

test('the state of a permanent logical slot is taken as it is', () => {
  expect(() => checkLogicalState('orders', stateOf('orders'))).not.toThrow();
});

test.each([
  ['cut off', stateOf('orders').subarray(0, 150), 'its length is not what it says'],
  ['nearly empty', stateOf('orders').subarray(0, 20), 'it has 20 bytes'],
  [
    'of something else',
    Buffer.concat([Buffer.from([1]), stateOf('orders').subarray(1)]),
    'no state of a slot',
  ],
  ['with a wrong bit', flipped(stateOf('orders'), 120), 'its checksum is wrong'],
  ['of another slot', stateOf('order'), 'it is of another slot'],
  ['of a physical slot', stateOf('orders', { database: 0 }), 'it is of a physical slot'],
  ['of a temporary slot', stateOf('orders', { persistency: 2 }), 'not permanent'],
])('a state that is %s is refused, because PostgreSQL would not start over it', (_, state, why) => {
  expect(() => checkLogicalState('orders', state)).toThrow(why);
});

function flipped(state: Buffer, at: number): Buffer {
  state[at] = (state[at] ?? 0) ^ 1;
  return state;
}
