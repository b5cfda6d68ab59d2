import { Button } from '@quantadb/ui/primitives/button';
import { CheckField, SelectField, TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useState } from 'react';
import { type Config, type Draft, newPassphrase } from './draft.ts';
import { HolderFields } from './holder-fields.tsx';
import type { Held } from './holders.ts';
import { RepositoryTest } from './repository-test.tsx';

interface SectionProps {
  /** Another repository of the cluster that is on the disk of a host: there is no more than one. */
  held: Held | null;
  clusterId: string;
  draft: Draft;
  config: Config | null;
  onChange(changes: Partial<Draft>): void;
}

type FieldsProps = Omit<SectionProps, 'clusterId' | 'held'>;

const kept = 'Set, and never shown again. Leave it empty to keep it.';

export function RepositorySection(props: SectionProps) {
  return (
    <Panel title="Repository">
      <RepositoryFields {...props} number={1} />
    </Panel>
  );
}

/** Where backups go, and the secrets of that place: typed, sent, and never read back. */
export function RepositoryFields({
  clusterId,
  draft,
  config,
  held,
  number,
  onChange,
}: SectionProps & { number: number }) {
  return (
    <>
      <div className="grid items-start gap-3 sm:grid-cols-2">
        <SelectField
          label="Kind of place"
          value={draft.place}
          onChange={(event) => onChange({ place: event.target.value as Draft['place'] })}
        >
          <option value="posix">a directory that every host reaches</option>
          <option value="s3">an S3 bucket</option>
          <option value="host" disabled={held !== null}>
            {held
              ? `the disk of a host (repository ${held.number} is on one: ${held.host})`
              : 'the disk of one of the hosts'}
          </option>
          {draft.unknownKind === null ? null : (
            <option value="unknown">{`${draft.unknownKind}, which this console is too old to know`}</option>
          )}
        </SelectField>
        <TextField
          label={draft.place === 's3' ? 'Prefix in the bucket' : 'Directory'}
          value={draft.path}
          placeholder={draft.place === 's3' ? '/quantadb' : '/backups'}
          hint={
            draft.place === 'posix'
              ? 'The same storage on every host; it belongs to the user of PostgreSQL.'
              : draft.place === 'host'
                ? 'On that host; it is there already, and belongs to the user of PostgreSQL.'
                : undefined
          }
          onChange={(event) => onChange({ path: event.target.value })}
        />
        {draft.place === 'host' ? (
          <HolderFields clusterId={clusterId} draft={draft} onChange={onChange} />
        ) : null}
        {draft.place === 's3' ? <S3Fields draft={draft} config={config} onChange={onChange} /> : null}
      </div>
      <Encryption draft={draft} config={config} onChange={onChange} />
      <RepositoryTest clusterId={clusterId} draft={draft} number={number} />
    </>
  );
}

function S3Fields({ draft, config, onChange }: FieldsProps) {
  const isKnown = config?.repository.type === 's3';
  return (
    <>
      <TextField
        label="Bucket"
        value={draft.bucket}
        onChange={(event) => onChange({ bucket: event.target.value })}
      />
      <TextField
        label="Endpoint"
        value={draft.endpoint}
        placeholder="s3.eu-central-1.amazonaws.com"
        onChange={(event) => onChange({ endpoint: event.target.value })}
      />
      <TextField
        label="Region"
        value={draft.region}
        placeholder="eu-central-1"
        onChange={(event) => onChange({ region: event.target.value })}
      />
      <SelectField
        label="Address of the bucket"
        value={draft.uriStyle}
        onChange={(event) => onChange({ uriStyle: event.target.value as Draft['uriStyle'] })}
      >
        <option value="host">bucket.endpoint</option>
        <option value="path">endpoint/bucket</option>
      </SelectField>
      <Secret
        label="Key"
        value={draft.s3Key}
        hint={isKnown ? kept : undefined}
        onChange={(s3Key) => onChange({ s3Key })}
      />
      <Secret
        label="Secret of the key"
        value={draft.s3KeySecret}
        hint={isKnown ? kept : undefined}
        onChange={(s3KeySecret) => onChange({ s3KeySecret })}
      />
      <TextField
        label="Certificate authority of the endpoint"
        value={draft.caFile}
        placeholder="the system's"
        hint="A file on every host, where the endpoint has a private authority."
        onChange={(event) => onChange({ caFile: event.target.value })}
      />
      <CheckField
        label="Check the endpoint's certificate"
        checked={draft.verifyTls}
        onChange={(event) => onChange({ verifyTls: event.target.checked })}
      />
    </>
  );
}

function Encryption({ draft, config, onChange }: FieldsProps) {
  const [made, setMade] = useState('');
  const isShown = made !== '' && made === draft.cipherPass;
  const make = () => {
    const passphrase = newPassphrase();
    setMade(passphrase);
    onChange({ cipherPass: passphrase, cipherPassAgain: passphrase });
  };
  const isKnown = config?.repository.encrypted === true;
  return (
    <div className="mt-4 flex flex-col gap-3 border-line border-t pt-4">
      <CheckField
        label="Encrypt the repository (AES-256)"
        hint="A repository that has backups keeps what it was made with."
        checked={draft.isEncrypted}
        onChange={(event) => onChange({ isEncrypted: event.target.checked })}
      />
      {draft.isEncrypted ? (
        <div className="grid items-start gap-3 sm:grid-cols-2">
          <Secret
            label="Passphrase"
            value={draft.cipherPass}
            hint={isKnown ? kept : 'Keep it somewhere else too: without it no backup can be read.'}
            onChange={(cipherPass) => onChange({ cipherPass })}
          />
          <Secret
            label="Passphrase again"
            value={draft.cipherPassAgain}
            onChange={(cipherPassAgain) => onChange({ cipherPassAgain })}
          />
        </div>
      ) : null}
      {draft.isEncrypted ? (
        <div className="flex flex-wrap items-center gap-3" aria-live="polite">
          <Button onClick={make}>Make a passphrase</Button>
          {isShown ? (
            <p className="rounded-md border border-warning bg-warning-soft px-3 py-2 text-[0.8125rem] text-warning">
              <code className="select-all font-medium">{made}</code> — write it down: it is shown this once,
              and without it no backup can be read.
            </p>
          ) : null}
        </div>
      ) : null}
    </div>
  );
}

function Secret({
  label,
  value,
  hint,
  onChange,
}: {
  label: string;
  value: string;
  hint?: string | undefined;
  onChange(value: string): void;
}) {
  return (
    <TextField
      label={label}
      type="password"
      autoComplete="new-password"
      value={value}
      maxLength={200}
      hint={hint}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}
