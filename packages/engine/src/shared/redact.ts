/**
 * Takes secrets out of what people hand to others (pure). Three nets behind each other: values whose name says that they are
 * secret, shapes that secrets have in text, and the secrets that are known.
 */

export const redacted = '[redacted]';

const secretName = /pass(word|wd|phrase)?s?$|secret|token|cipherpass|s3key|privatekey|credential|bindpw/i;
/** Settings and fields that only speak of secrets. */
const harmlessNames = new Set(['password_encryption', 'secretFile', 'tokenRoles']);
/** A shorter one would be found in half the text. */
const knownLengthMin = 6;

const quoted = `'(?:[^']|'')*'|"(?:[^"\\\\]|\\\\.)*"`;
const shapes: [RegExp, string][] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, redacted],
  // The password of an address, which may hold everything but what ends it.
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@'"]*:)[^\s/'"]+@/gi, `$1${redacted}@`],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/g, `$1 ${redacted}`],
  [/\bqdb_[a-z]+_[A-Za-z0-9_-]+/g, redacted],
  [/SCRAM-SHA-256\$[^\s'"]+/g, redacted],
  [/\bmd5[0-9a-f]{32}\b/g, redacted],
  [/\bAKIA[0-9A-Z]{16}\b/g, redacted],
  [/https:\/\/hooks\.slack\.com\/[^\s'"]+/g, `https://hooks.slack.com/${redacted}`],
  [new RegExp(`\\bPASSWORD\\s+E?(?:${quoted})`, 'gi'), `PASSWORD '${redacted}'`],
  [
    new RegExp(
      // `repo1-s3-key-secret=…`, `ldapbindpasswd="…"`, `"token":"…"`, `password = …`
      `((?<![\\w.-])[\\w.-]*(?:password|passwd|passphrase|secret|token|cipher-pass|s3-key|bindpw)[\\w-]*\\\\?["']?\\s*[=:]\\s*)(?:${quoted}|[^\\s,;&}'"]+)`,
      'gi',
    ),
    `$1${redacted}`,
  ],
];

/** @param known secrets as whoever collects knows them */
export function redactText(text: string, known: readonly string[] = []): string {
  let clean = text;
  for (const secret of formsOf(known)) clean = clean.replaceAll(secret, redacted);
  for (const [shape, instead] of shapes) clean = clean.replace(shape, instead);
  return clean;
}

/** A value of JSON, with everything below it. */
export function redactValue(value: unknown, known: readonly string[] = []): unknown {
  if (typeof value === 'string') return redactText(value, known);
  if (Array.isArray(value)) return value.map((each) => redactValue(each, known));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, each]) => [
    name,
    isSecret(name) ? withoutValue(each) : redactValue(each, known),
  ]);
  const clean = Object.fromEntries(entries) as Record<string, unknown>;
  // `{ name: 'plugin.password', value: … }`, and what PostgreSQL itself shows to few.
  const isNamedSecret = typeof clean.name === 'string' && isSecret(clean.name);
  if (clean.isPrivate === true || isNamedSecret)
    for (const field of ['value', 'builtIn', 'differs'])
      if (field in clean) clean[field] = withoutValue(clean[field]);
  return clean;
}

function isSecret(name: string): boolean {
  return secretName.test(name) && !harmlessNames.has(name);
}

/** Whether there was a secret may be seen. Numbers and flags tell nothing of one. */
function withoutValue(value: unknown): unknown {
  if (typeof value === 'string') return value === '' ? '' : redacted;
  if (Array.isArray(value)) return value.map(withoutValue);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withoutValue(each)]));
}

/** As they are, and as they stand in addresses, in JSON and in SQL; the longest first. */
function formsOf(known: readonly string[]): string[] {
  const forms = known
    .filter((secret) => secret.length >= knownLengthMin)
    .flatMap((secret) => [
      secret,
      encodeURIComponent(secret),
      JSON.stringify(secret).slice(1, -1),
      secret.replaceAll("'", "''"),
    ]);
  return [...new Set(forms)].sort((left, right) => right.length - left.length);
}
