'use client';

import { Empty } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useState } from 'react';
import { type Intent, ownerWords } from '../operations/intent.ts';
import { useMay } from '../shell/me.ts';
import type { Overview } from './prepare.ts';

type OwnDurabilityChange = Extract<Intent, { kind: 'set-own-durability' }>['change'];
type CommitMode = NonNullable<OwnDurabilityChange['mode']>;

const nameCharactersMax = 63;

const modeWords: Record<CommitMode, string> = {
  async: 'async: for the primary alone',
  quorum: 'quorum: for the standbys of the set to hold it',
  applied: 'applied: for them to show it to readers',
};

/** Roles and databases whose commits wait for something else than the cluster's. */
export function OwnDurabilities({
  durability,
  own,
  onChoose,
}: {
  /** The cluster's, in words. */
  durability: string;
  own: Overview['ownDurabilities'];
  onChoose(change: OwnDurabilityChange): void;
}) {
  const may = useMay();
  const [isOpen, setIsOpen] = useState(false);
  const add = may.operate ? <Button onClick={() => setIsOpen(true)}>Set one…</Button> : null;
  return (
    <Panel title="Durability of single roles and databases" actions={add}>
      {own.length === 0 ? <Empty title={`Every commit waits as the cluster does: ${durability}`} /> : null}
      <ul className="flex flex-col gap-1 text-[0.8125rem]">
        {own.map((each) => (
          <li key={ownerWords(each)} className="flex flex-wrap items-center justify-between gap-2">
            <span className="min-w-0 break-all">
              {ownerWords(each)}: <strong>{each.mode ?? 'set by hand'}</strong>{' '}
              <code className="text-ink-soft">synchronous_commit = {each.setting}</code>
            </span>
            {may.operate ? (
              <Button
                tone="quiet"
                aria-label={`As the cluster: ${ownerWords(each)}`}
                onClick={() => onChoose({ role: each.role, database: each.database, mode: null })}
              >
                As the cluster
              </Button>
            ) : null}
          </li>
        ))}
      </ul>
      {isOpen ? (
        <ChooseOwner
          onClose={() => setIsOpen(false)}
          onChoose={(change) => {
            setIsOpen(false);
            onChoose(change);
          }}
        />
      ) : null}
    </Panel>
  );
}

function ChooseOwner({
  onChoose,
  onClose,
}: {
  onChoose(change: OwnDurabilityChange): void;
  onClose(): void;
}) {
  const [role, setRole] = useState('');
  const [database, setDatabase] = useState('');
  const [mode, setMode] = useState<CommitMode>('quorum');
  const isNamed = role !== '' || database !== '';
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="What commits wait for"
      description="Of one role, in one database, or of one role in one database. Sessions that begin afterwards have it."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" form="own-durability" disabled={!isNamed}>
            Review the plan
          </Button>
        </>
      }
    >
      <form
        id="own-durability"
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          onChoose({ role: role || null, database: database || null, mode });
        }}
      >
        <TextField
          label="Role"
          hint="Empty: every role"
          value={role}
          maxLength={nameCharactersMax}
          autoComplete="off"
          onChange={(event) => setRole(event.target.value)}
        />
        <TextField
          label="Database"
          hint="Empty: every database"
          value={database}
          maxLength={nameCharactersMax}
          autoComplete="off"
          onChange={(event) => setDatabase(event.target.value)}
        />
        <SelectField
          label="Commits wait"
          value={mode}
          onChange={(event) => setMode(event.target.value as CommitMode)}
        >
          {Object.entries(modeWords).map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </SelectField>
      </form>
    </Dialog>
  );
}
