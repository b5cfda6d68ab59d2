/** Memory in which writes are put together, used again and again: an idle connection holds none. */

export const slabBytes = 16 * 1024;
const spareMax = 64;
const spare: Buffer[] = [];

export function takeSlab(): Buffer {
  return spare.pop() ?? Buffer.allocUnsafeSlow(slabBytes);
}

export function giveSlab(slab: Buffer): void {
  if (spare.length < spareMax) spare.push(slab);
}
