import type { Wire } from './wire.ts';

let due: Wire[] = [];

/** Sends what is put together once everything that can be read at this moment has been read: one write for all of it. */
export function flushSoon(wire: Wire): void {
  if (due.length === 0) setImmediate(flushDue);
  due.push(wire);
}

function flushDue(): void {
  const wires = due;
  due = [];
  // A second flush of the same one finds nothing left to send.
  for (const wire of wires) wire.flush();
}
