'use client';

import { type Column, Table } from '@quantadb/ui/patterns/table';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useState } from 'react';
import { useTimes } from '../../lib/time.ts';
import type { Overview } from '../backups/prepare.ts';
import type { Intent } from '../operations/intent.ts';
import { OperationDialog } from '../operations/operation-dialog.tsx';
import { type Config, type Draft, draftOf } from './draft.ts';
import { type Further, furtherChangeOf, nextNumber, seenFrom, takeOffOf } from './further.ts';
import { heldByOther } from './holders.ts';
import { RepositoryFields } from './repository-section.tsx';
import { RetentionFields, RetentionPreview } from './retention-section.tsx';

/** One repository as it is being typed, and as it was. */
interface Form {
  number: number;
  initial: Draft;
  draft: Draft;
}

function formOf(config: Config, number: number, zone: string): Form {
  const initial = draftOf(seenFrom(config, number), zone);
  return { number, initial, draft: initial };
}

/** More places for the same WAL: each gets every segment, and restores alone. */
export function FurtherSection({
  clusterId,
  config,
  repositories,
}: {
  clusterId: string;
  config: Config;
  repositories: Overview['repositories'];
}) {
  const placeOf = (wanted: number) => repositories.find(({ number }) => number === wanted)?.place ?? '';
  const { zone } = useTimes();
  // Kept until it is begun or given up: whoever comes back from the review finds what was typed.
  const [form, setForm] = useState<Form | null>(null);
  const [intent, setIntent] = useState<Intent | null>(null);
  const free = nextNumber(config);
  const edit = (number: number) => setForm(formOf(config, number, zone));
  const columns: Column<Further>[] = [
    { key: 'number', header: 'Repository', cell: ({ number }) => number },
    { key: 'place', header: 'Where', cell: ({ number }) => placeOf(number) },
    { key: 'keeps', header: 'Full backups kept', cell: ({ retention }) => retention.fullCount },
    {
      key: 'actions',
      header: 'Actions',
      cell: ({ number }) => (
        <div className="flex flex-wrap gap-2">
          <Button onClick={() => edit(number)}>Change…</Button>
          <Button onClick={() => setIntent(takeOffOf(number))}>Take off…</Button>
        </div>
      ),
    },
  ];
  return (
    <Panel title="More repositories" isFlush>
      <div className="flex flex-wrap items-center justify-between gap-3 px-4 py-3">
        <p className="max-w-prose text-[0.8125rem] text-ink-soft">
          Every segment of WAL goes to each of them, and each restores alone. One that is away stops nothing:
          what it is owed is kept and paid later.
        </p>
        {free === null ? null : <Button onClick={() => edit(free)}>Add a repository…</Button>}
      </div>
      {config.further && config.further.length > 0 ? (
        <Table
          caption="Repositories beside the first one"
          columns={columns}
          rows={config.further}
          keyOf={({ number }) => String(number)}
        />
      ) : null}
      {form === null || intent ? null : (
        <FurtherDialog
          clusterId={clusterId}
          config={config}
          form={form}
          onChange={(changes) => setForm({ ...form, draft: { ...form.draft, ...changes } })}
          onReview={setIntent}
          onClose={() => setForm(null)}
        />
      )}
      {intent ? (
        <OperationDialog
          clusterId={clusterId}
          intent={intent}
          onStarted={() => setForm(null)}
          onClose={() => setIntent(null)}
        />
      ) : null}
    </Panel>
  );
}

function FurtherDialog({
  clusterId,
  config,
  form: { number, initial, draft },
  onChange: change,
  onReview,
  onClose,
}: {
  clusterId: string;
  config: Config;
  form: Form;
  onChange(changes: Partial<Draft>): void;
  onReview(intent: Intent): void;
  onClose(): void;
}) {
  const known = seenFrom(config, number);
  const { problems, intent } = furtherChangeOf(draft, { known, number });
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={known ? `Repository ${number}` : `Add repository ${number}`}
      footer={
        <>
          {draft !== initial && problems.length > 0 ? (
            <p role="alert" className="mr-auto text-critical text-xs">
              {problems.join(' ')}
            </p>
          ) : null}
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" disabled={!intent} onClick={() => intent && onReview(intent)}>
            Review…
          </Button>
        </>
      }
    >
      <RepositoryFields
        clusterId={clusterId}
        draft={draft}
        config={known}
        held={heldByOther(config, number)}
        number={number}
        onChange={change}
      />
      <div className="mt-4 border-line border-t pt-4">
        <RetentionFields draft={draft} onChange={change} />
        {known ? <RetentionPreview clusterId={clusterId} draft={draft} number={number} /> : null}
      </div>
    </Dialog>
  );
}
