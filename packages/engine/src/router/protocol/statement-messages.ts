import { frontend, headerBytes } from './codes.ts';

/** Messages about prepared statements, under the names that servers know them by (pure). */

const letterS = 0x53;

/** @param body what follows the name: the text, a zero, the parameter types */
export function parseMessage(name: string, body: Buffer): Buffer {
  const made = Buffer.allocUnsafe(headerBytes + name.length + 1 + body.length);
  made[0] = frontend.parse;
  made.writeInt32BE(made.length - 1, 1);
  made.write(name, headerBytes, 'latin1');
  made[headerBytes + name.length] = 0;
  body.copy(made, headerBytes + name.length + 1);
  return made;
}

export function closeMessage(name: string): Buffer {
  return namedMessage(frontend.close, name);
}

export function describeMessage(name: string): Buffer {
  return namedMessage(frontend.describe, name);
}

function namedMessage(type: number, name: string): Buffer {
  const made = Buffer.allocUnsafe(headerBytes + name.length + 2);
  made[0] = type;
  made.writeInt32BE(made.length - 1, 1);
  made[headerBytes] = letterS;
  made.write(name, headerBytes + 1, 'latin1');
  made[made.length - 1] = 0;
  return made;
}

/** The beginning of a Bind whose statement is called `name` instead; its rest follows from `nameEnd` on. */
export function bindHead(
  buffer: Buffer,
  { start, portalEnd, nameEnd }: { start: number; portalEnd: number; nameEnd: number },
  name: string,
): Buffer {
  const head = Buffer.allocUnsafe(portalEnd + 1 - start + name.length);
  buffer.copy(head, 0, start, portalEnd + 1);
  head.writeInt32BE(buffer.readInt32BE(start + 1) + name.length - (nameEnd - portalEnd - 1), 1);
  head.write(name, portalEnd + 1 - start, 'latin1');
  return head;
}
