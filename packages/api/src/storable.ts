/**
 * Text that PostgreSQL stores as it is given (pure). It has no zero byte, and UTF-8 has no half of a surrogate pair: a value
 * with one is refused, or comes back as another one than was sealed. Cutting a text at a length can make a half.
 */
const unstorable = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const everyUnstorable = new RegExp(unstorable, 'g');
const replacement = '\ufffd';

/** Whether every text in a value that came as JSON is, keys included. */
export function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return !unstorable.test(value);
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isStorable);
  return Object.entries(value).every(([key, inner]) => isStorable(key) && isStorable(inner));
}

/** The same value with what cannot be stored replaced by U+FFFD, in every text of plain objects and arrays. */
export function storable<T>(value: T): T {
  return isStorable(value) ? value : (cleaned(value) as T);
}

function cleaned(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(everyUnstorable, replacement);
  if (Array.isArray(value)) return value.map(cleaned);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [cleaned(key), cleaned(inner)]));
}
