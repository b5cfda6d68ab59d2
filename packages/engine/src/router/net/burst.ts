const standstill = new Int32Array(new SharedArrayBuffer(4));
const courtesyMs = 0.05;

/**
 * All workers that have nothing to do wake up for a client, and the first one would take whoever comes until nobody is left: of a
 * burst, nearly all. Standing still for a moment, a tenth of what a login takes, lets the others take theirs.
 */
export function leaveNextToOthers(): void {
  Atomics.wait(standstill, 0, 0, courtesyMs);
}
