'use client';

import { Empty } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useState } from 'react';
import type { Intent } from '../operations/intent.ts';
import { useMay } from '../shell/me.ts';

type AccessChange = Extract<Intent, { kind: 'set-access' }>['change'];

const lineCharactersMax = 500;

/** The cluster's own lines of pg_hba.conf, in the order in which they are tried. */
export function Access({
  lines,
  isHidden,
  onChoose,
}: {
  lines: readonly string[];
  isHidden: boolean;
  onChoose(change: AccessChange): void;
}) {
  const may = useMay();
  const [isOpen, setIsOpen] = useState(false);
  // Whoever comes back from the review finds what was typed.
  const [line, setLine] = useState('');
  const add = may.operate ? <Button onClick={() => setIsOpen(true)}>Add a line…</Button> : null;
  return (
    <Panel title="Who may connect" actions={add}>
      <NoLines isHidden={isHidden} count={lines.length} />
      <ol className="flex flex-col gap-1 text-[0.8125rem]">
        {lines.map((line) => (
          <li key={line} className="flex flex-wrap items-center justify-between gap-2">
            <code className="min-w-0 break-all">{line}</code>
            {may.operate ? (
              <Button
                tone="quiet"
                aria-label={`Remove: ${line}`}
                onClick={() => onChoose({ add: [], remove: [line], first: false })}
              >
                Remove…
              </Button>
            ) : null}
          </li>
        ))}
      </ol>
      <p className="mt-1 text-ink-faint text-xs">
        The first line of pg_hba.conf that fits decides. After these come the usual ones: a password by TLS
        from anywhere, without TLS from the machine itself.
      </p>
      {isOpen ? (
        <AddLine
          {...{ line, onType: setLine }}
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

function NoLines({ isHidden, count }: { isHidden: boolean; count: number }) {
  if (isHidden) return <Empty title="Only operators see these lines">They may hold passwords.</Empty>;
  return count === 0 ? <Empty title="The cluster has no lines of its own" /> : null;
}

function AddLine({
  line,
  onType,
  onChoose,
  onClose,
}: {
  line: string;
  onType(line: string): void;
  onChoose(change: AccessChange): void;
  onClose(): void;
}) {
  const [place, setPlace] = useState<'last' | 'first'>('last');
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Let somebody in, or keep somebody out"
      description="A line as in pg_hba.conf. Every PostgreSQL of the cluster checks it before it counts anywhere."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button tone="primary" type="submit" form="access-line" disabled={line.trim() === ''}>
            Review the plan
          </Button>
        </>
      }
    >
      <form
        id="access-line"
        className="flex flex-col gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          onChoose({ add: [line], remove: [], first: place === 'first' });
        }}
      >
        <TextField
          label="Line"
          hint="Such as: host shop all 10.0.0.0/8 scram-sha-256"
          value={line}
          maxLength={lineCharactersMax}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => onType(event.target.value)}
        />
        <SelectField
          label="Place"
          value={place}
          onChange={(event) => setPlace(event.target.value as 'last' | 'first')}
        >
          <option value="last">after the lines that stand</option>
          <option value="first">before them</option>
        </SelectField>
      </form>
    </Dialog>
  );
}
