import type { EngineFailure } from '../../engine.ts';

/** What pgBackRest's exit codes and messages mean here (pure). Codes: its src/build/error/error.yaml. */

type Meaning = Omit<EngineFailure, 'detail'>;

const byCode: Record<number, Meaning> = {
  31: {
    reason: 'misconfigured',
    hint: 'This is a mistake in QuantaDB or in the installed version of pgBackRest.',
    retry: false,
  },
  37: { reason: 'misconfigured', hint: 'Set the repository again with everything it needs.', retry: false },
  45: {
    reason: 'duplicate_wal',
    hint: 'The archive holds another file of the same name: a node archived that must not have. Nothing is deleted by itself; compare both before you do.',
    retry: false,
  },
  50: {
    reason: 'busy',
    hint: 'Another pgBackRest works on this repository: wait for its end.',
    retry: true,
  },
  51: { reason: 'wrong_system', hint: 'The repository belongs to another database.', retry: false },
  55: { reason: 'missing_file', hint: 'Verify the repository: quantadb backup verify.', retry: false },
  56: {
    reason: 'no_primary',
    hint: 'There is no primary, or it does not answer. See: quantadb status.',
    retry: true,
  },
  58: { reason: 'checkpoint_needed', hint: 'A checkpoint after the promotion mends it.', retry: true },
  75: {
    reason: 'no_backup_set',
    hint: 'No backup was made before that moment. Choose a later one.',
    retry: false,
  },
  82: {
    reason: 'wal_not_archived',
    hint: 'WAL does not reach the repository: see the archiving line of quantadb backup list.',
    retry: true,
  },
  95: {
    reason: 'wrong_key',
    hint: 'The passphrase is not the one the repository was made with.',
    retry: false,
  },
  103: {
    reason: 'repository_unreachable',
    hint: 'See what the message says of the repository.',
    retry: true,
  },
};

/** What an object store answers, by the code in its answer; the program quotes it. */
const byStoreCode: [RegExp, string][] = [
  [/InvalidAccessKeyId/, 'The store does not know the access key: check it.'],
  [/SignatureDoesNotMatch/, 'The secret does not belong to the access key: check the secret.'],
  [
    /AuthorizationHeaderMalformed|IllegalLocationConstraint/,
    'The store is in another region: check the region.',
  ],
  [
    /NoSuchBucket/,
    'There is no bucket of that name at this endpoint: make it, or check the name and how the bucket is written (uri style).',
  ],
  [
    /AccessDenied/,
    'The access key may not do that there: allow it to list, read, write and delete in the bucket.',
  ],
  [/RequestTimeTooSkewed/, 'The clock of this host differs from that of the store: set it by NTP.'],
  // Whether a file is there is asked without a body in the answer, so without its code.
  [
    /HTTP request failed with 403/,
    'The store does not let the access key in: check key, secret and region, and that the key may list, read, write and delete in the bucket.',
  ],
];

const byText: [RegExp, Meaning][] = [
  ...byStoreCode.map(([pattern, hint]): [RegExp, Meaning] => [
    pattern,
    { reason: 'repository_unreachable', hint, retry: true },
  ]),
  [
    /hostname '[^']*' in certificate|certificate verify|unable to verify certificate|negotiate TLS|TLS error|access denied|unable to load (cert|key|CA) file/i,
    {
      reason: 'repository_unreachable',
      hint: 'The certificate that is shown there is of no authority that is trusted here, or not for that address. Of an S3 bucket: give the file of its authority (CA file). Of a repository on a host: see docs/operations/backups.md, "On the disk of a host".',
      retry: true,
    },
  ],
  [/does not match pg_control timeline/, byCode[58] as Meaning],
  [
    /unable to find primary cluster|unable to find standby|more than one primary|no database found/i,
    byCode[56] as Meaning,
  ],
  [
    /database is version .* but|system-id .* (does|do) not match|do not match the (stanza|database)|is not the same as/i,
    {
      reason: 'wrong_system',
      hint: 'The repository belongs to another database. Choose another path for this cluster, or stanza-upgrade after a major upgrade.',
      retry: false,
    },
  ],
  [
    /unable to load info file[\s\S]*FormatError|CryptoError|cipher/i,
    {
      reason: 'wrong_key',
      hint: 'The passphrase is not the one the repository was made with, or its first file is damaged.',
      retry: false,
    },
  ],
  [
    /\[13\] Permission denied/,
    {
      // Also while the storage is not mounted: what lies below belongs to somebody else.
      reason: 'repository_unreachable',
      hint: 'Let that path belong to the user of PostgreSQL on every node (install -d -o postgres -g postgres -m 750 <directory>).',
      retry: true,
    },
  ],
  [
    /unable to (get address|connect)|HTTP request failed|timeout connecting|No space left|Read-only file system/i,
    {
      reason: 'repository_unreachable',
      hint: 'Check that the repository can be reached and has room.',
      retry: true,
    },
  ],
];

const unknownHint = 'What that error means is told in the documentation of pgBackRest.';

/** @param log standard error; the last ERROR with the lines that follow it is what the program ended with */
export function failureOf(code: number | null, log: string): EngineFailure {
  const detail = lastError(log) || `pgbackrest ended with code ${code}`;
  const number = Number(/\[(\d{3})\]/.exec(detail)?.[1] ?? code ?? 0);
  const meaning = byText.find(([pattern]) => pattern.test(detail))?.[1] ?? byCode[number];
  return { ...(meaning ?? { reason: 'failed', hint: unknownHint, retry: true }), detail };
}

/** Of a request to an object store: long, and before the answer that says why. */
const storeHeaders = /\*\*\* (?:Request|Response) Headers \*\*\*:.*?(?=\*\*\*|$)/g;

function lastError(log: string): string {
  const lines = log.split('\n');
  const at = lines.findLastIndex((line) => /\bERROR: \[\d{3}\]/.test(line));
  if (at < 0) return '';
  const rest = lines.slice(at + 1);
  const end = rest.findIndex((line) => /\b(P\d+\s+)?(INFO|WARN|ERROR|DETAIL):/.test(line));
  const belonging = end < 0 ? rest : rest.slice(0, end);
  const words = [lines[at]?.replace(/^.*?ERROR: /, ''), ...belonging.map((line) => line.trim())];
  // With a wrong key the message quotes what it could not read.
  return words
    .filter(Boolean)
    .join(' ')
    .replaceAll(storeHeaders, '')
    .replaceAll(/[^\x20-\x7e]+/g, '?')
    .slice(0, 1000);
}

/** Said in every run, or after every failover, and no reason for anybody to do anything. */
const usual = [/repo1-retention-full' is not set/, /enabling delta checksum/];

/** Warnings of a run that succeeded. */
export function warningsOf(log: string): string[] {
  return [...log.matchAll(/^\s*(?:P\d+\s+)?WARN:\s*(.*)$/gm)]
    .map((match) => (match[1] ?? '').slice(0, 300))
    .filter((warning) => !usual.some((pattern) => pattern.test(warning)));
}
