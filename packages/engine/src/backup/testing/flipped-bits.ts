const count = 16;

/**
 * A bit of each of a few bytes in a row, of the middle of a file. One alone may change nothing of what is read: in lz4 the bytes of
 * nearly empty WAL can be told in several ways, and about one flip in sixty gives another of them. Twice is as before.
 *
 * @param at where they begin; the middle
 */
export function withFlippedBits(content: Buffer, at = Math.floor(content.length / 2)): Buffer {
  return Buffer.from(content.map((byte, index) => (index >= at && index < at + count ? byte ^ 1 : byte)));
}
