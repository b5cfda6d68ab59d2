/**
 * One pass over the bytes of a statement (pure): the same text with its literals taken out, comments dropped, white space
 * collapsed and unquoted letters in lower case. Statements that differ only in their values become the same key, so that
 * what is known of one is known of all. The lexical rules are those of PostgreSQL's manual, 4.1.
 */

const output = { bytes: Buffer.allocUnsafe(64 * 1024) };

/** What the place of a literal holds in a key. A string cannot be mistaken for it: its quotes are gone. */
const literalMark = 0x3f;
const numberMark = 0x30;

const classOf = new Uint8Array(256);
const kind = { other: 0, space: 1, letter: 2, digit: 3 } as const;
for (let byte = 0; byte < 256; byte++) {
  const isLetter =
    (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x5f || byte >= 0x80;
  if (isLetter) classOf[byte] = kind.letter;
  else if (byte >= 0x30 && byte <= 0x39) classOf[byte] = kind.digit;
  else if (byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)) classOf[byte] = kind.space;
}

export interface NormaliseOptions {
  /** With `standard_conforming_strings = off` a backslash escapes also in ordinary strings. */
  backslashEscapes: boolean;
  /** Keep what stands in strings and numbers, for the few statements whose meaning depends on it. */
  keepLiterals: boolean;
}

export const usualOptions: NormaliseOptions = { backslashEscapes: false, keepLiterals: false };

/** @returns the key, as latin1 text; null for a statement that ends inside a string or a comment */
export function normalise(
  text: Buffer,
  range: { start: number; end: number },
  options: NormaliseOptions,
): string | null {
  const { start, end } = range;
  if (output.bytes.length < (end - start) * 2 + 16) output.bytes = Buffer.allocUnsafe((end - start) * 2 + 16);
  const out = output.bytes;
  let length = 0;
  let position = start;
  // A string with escapes may go on in the next line, with nothing but white space and comments between (manual, 4.1.2.2).
  let goesOnEscaping = false;
  while (position < end) {
    const byte = text[position] as number;
    const what = classOf[byte] as number;
    if (what === kind.letter) {
      const wordStart = position;
      goesOnEscaping = false;
      while (position < end && isWordByte(text[position] as number)) {
        const letter = text[position++] as number;
        out[length++] = letter >= 0x41 && letter <= 0x5a ? letter + 32 : letter;
      }
      if (position < end && text[position] === 0x27 && position - wordStart === 1) {
        const isEscape = ((text[wordStart] as number) | 0x20) === 0x65;
        const stop = stringEnd(text, position, { end, backslash: isEscape || options.backslashEscapes });
        if (stop < 0) return null;
        goesOnEscaping = isEscape;
        if (!options.keepLiterals) out[length - 1] = literalMark;
        else length = copy(text, { from: position, to: stop, length });
        position = stop;
      }
    } else if (what === kind.space) {
      position++;
      if (length > 0 && out[length - 1] !== 0x20) out[length++] = 0x20;
    } else if (what === kind.digit) {
      const stop = numberEnd(text, position, end);
      goesOnEscaping = false;
      if (options.keepLiterals) length = copy(text, { from: position, to: stop, length });
      else out[length++] = numberMark;
      position = stop;
    } else {
      const backslash = goesOnEscaping || options.backslashEscapes;
      const special = specialEnd(text, position, { end, backslash });
      if (special < 0) return null;
      if (special > 0) {
        const isComment = byte === 0x2d || byte === 0x2f;
        if (isComment && isHint(text, position, special))
          length = copy(text, { from: position, to: special, length });
        else if (isComment) {
          if (length > 0 && out[length - 1] !== 0x20) out[length++] = 0x20;
        } else if (byte === 0x22 || options.keepLiterals)
          length = copy(text, { from: position, to: special, length });
        else out[length++] = literalMark;
        position = special;
      } else {
        goesOnEscaping = false;
        out[length++] = byte;
        position++;
      }
    }
  }
  return out.toString('latin1', 0, length);
}

function copy(text: Buffer, place: { from: number; to: number; length: number }): number {
  text.copy(output.bytes, place.length, place.from, place.to);
  return place.length + place.to - place.from;
}

function isWordByte(byte: number): boolean {
  return (classOf[byte] as number) >= kind.letter || byte === 0x24;
}

/** Everything that begins with a sign and has an inside. @returns 0: nothing such, -1: it does not end */
function specialEnd(
  text: Buffer,
  position: number,
  { end, backslash }: { end: number; backslash: boolean },
): number {
  const byte = text[position] as number;
  const following = position + 1 < end ? (text[position + 1] as number) : 0;
  switch (byte) {
    case 0x27:
      return stringEnd(text, position, { end, backslash });
    case 0x22:
      return quotedEnd(text, position, end);
    case 0x2d:
      return following === 0x2d ? lineEnd(text, position, end) : 0;
    case 0x2f:
      return following === 0x2a ? commentEnd(text, position, end) : 0;
    case 0x24:
      return dollarEnd(text, position, end);
    default:
      return 0;
  }
}

function stringEnd(text: Buffer, position: number, rule: { end: number; backslash: boolean }): number {
  for (let i = position + 1; i < rule.end; i++) {
    const byte = text[i];
    if (byte === 0x5c && rule.backslash) i++;
    else if (byte === 0x27) {
      if (text[i + 1] !== 0x27 || i + 1 >= rule.end) return i + 1;
      i++;
    }
  }
  return -1;
}

function quotedEnd(text: Buffer, position: number, end: number): number {
  for (let i = position + 1; i < end; i++) {
    if (text[i] !== 0x22) continue;
    if (text[i + 1] !== 0x22 || i + 1 >= end) return i + 1;
    i++;
  }
  return -1;
}

function lineEnd(text: Buffer, position: number, end: number): number {
  for (let i = position; i < end; i++) if (text[i] === 0x0a || text[i] === 0x0d) return i;
  return end;
}

/** Comments nest. */
function commentEnd(text: Buffer, position: number, end: number): number {
  let depth = 0;
  for (let i = position; i + 1 < end; i++) {
    if (text[i] === 0x2f && text[i + 1] === 0x2a) {
      depth++;
      i++;
    } else if (text[i] === 0x2a && text[i + 1] === 0x2f) {
      depth--;
      i++;
      if (depth === 0) return i + 1;
    }
  }
  return -1;
}

/** `$tag$ … $tag$`; a parameter such as `$1` is none. */
function dollarEnd(text: Buffer, position: number, end: number): number {
  let i = position + 1;
  if (classOf[text[i] as number] === kind.digit) return 0;
  while (i < end && (classOf[text[i] as number] as number) >= kind.letter) i++;
  if (i >= end || text[i] !== 0x24) return 0;
  const tag = text.subarray(position, i + 1);
  const stop = text.subarray(0, end).indexOf(tag, i + 1);
  return stop < 0 ? -1 : stop + tag.length;
}

function numberEnd(text: Buffer, position: number, end: number): number {
  let i = position;
  // An `e` of these is a digit, and no sign belongs to it.
  const isHexadecimal = ((text[position + 1] as number) | 0x20) === 0x78;
  while (i < end) {
    const byte = text[i] as number;
    if (byte === 0x2e || (classOf[byte] as number) >= kind.letter) i++;
    else if ((byte === 0x2b || byte === 0x2d) && !isHexadecimal && isExponent(text, i - 1, position)) i++;
    else break;
  }
  return i;
}

function isExponent(text: Buffer, position: number, start: number): boolean {
  return position > start && ((text[position] as number) | 0x20) === 0x65;
}

const hintWord = Buffer.from('quantadb:');

/** Comments to the router stay. */
function isHint(text: Buffer, start: number, stop: number): boolean {
  if (text[start] !== 0x2f) return false;
  let i = start + 2;
  while (text[i] === 0x20) i++;
  return i + hintWord.length < stop && hintWord.equals(text.subarray(i, i + hintWord.length));
}
