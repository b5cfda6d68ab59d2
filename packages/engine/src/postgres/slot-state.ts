import { crc32c } from '../raft/crc32c.ts';
import { QuantaError } from '../shared/errors.ts';

/**
 * The state file of a replication slot (`ReplicationSlotOnDisk` in PostgreSQL's slot.c), as far as it has to be known to be sure that
 * PostgreSQL will take it: it refuses to start over one that is damaged.
 */

const magic = 0x0105_1ca1;
const checksumAt = 4;
const summedFrom = 8;
const lengthAt = 12;
const dataAt = 16;
const nameBytes = 64;
const databaseAt = dataAt + nameBytes;
const persistencyAt = databaseAt + 4;

/** @throws QuantaError PROTOCOL_VIOLATION unless it is the whole state of the permanent logical slot of that name */
export function checkLogicalState(name: string, state: Buffer): void {
  const fault = faultOf(name, state);
  if (fault)
    throw new QuantaError('PROTOCOL_VIOLATION', `the state of slot ${name} cannot be used: ${fault}`);
}

function faultOf(name: string, state: Buffer): string | null {
  if (state.length < persistencyAt + 4) return `it has ${state.length} bytes`;
  if (state.readUInt32LE(0) !== magic) return 'it is no state of a slot';
  if (state.readUInt32LE(lengthAt) !== state.length - dataAt) return 'its length is not what it says';
  if (state.readUInt32LE(checksumAt) !== crc32c(state.subarray(summedFrom))) return 'its checksum is wrong';
  const held = state.subarray(dataAt, databaseAt);
  if (held.subarray(0, held.indexOf(0)).toString('latin1') !== name) return 'it is of another slot';
  if (state.readUInt32LE(databaseAt) === 0) return 'it is of a physical slot';
  return state.readUInt32LE(persistencyAt) === 0 ? null : 'it is of a slot that is not permanent';
}
