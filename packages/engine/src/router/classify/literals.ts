import { normalise, usualOptions } from './normalise.ts';

/** What constants in a statement's text become depends on these settings of its session, at the moment it is parsed. */
const readBy = ['TimeZone', 'DateStyle', 'IntervalStyle', 'client_encoding', 'standard_conforming_strings'];
const names = new Set(readBy.map((name) => name.toLowerCase()));

export function isReadBy(setting: string): boolean {
  return names.has(setting);
}

/** @param parameters as PostgreSQL reports them */
export function literalsOf(parameters: ReadonlyMap<string, string>): string {
  return readBy.map((name) => parameters.get(name)).join('\0');
}

export function isEscapingBy(literals: string): boolean {
  return literals.endsWith('\0off');
}

const strings = /"(?:[^"]|"")*"|'(?:[^']|'')*'|(\$\w*\$).*?\1/gs;
const moments = /^[^"].*\b(?:now|today|tomorrow|yesterday)\b/is;

/** Whether one of its constants may be a time that is worked out when it is parsed. */
export function namesMoment(text: Buffer, isEscaping: boolean): boolean {
  const options = { ...usualOptions, backslashEscapes: isEscaping, keepLiterals: true };
  const key = normalise(text, { start: 0, end: text.length }, options);
  return key?.match(strings)?.some((each) => moments.test(each)) ?? false;
}
