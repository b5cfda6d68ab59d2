import { bytesText, durationText } from '@quantadb/ui/charts/units';
import { Status } from '@quantadb/ui/patterns/status';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { TextField } from '@quantadb/ui/primitives/field';
import { type ReactNode, useState } from 'react';
import { useTimes } from '../../lib/time.ts';
import type { Intent } from '../operations/intent.ts';
import { useMay } from '../shell/me.ts';
import { BackupState, goesText } from './backups-table.tsx';
import {
  holdNote,
  type Overview,
  type Proof,
  personNote,
  provenOf,
  relativesOf,
  type StoredBackup,
  timelineOf,
  verifiedOf,
} from './prepare.ts';

interface BackupDetailProps {
  overview: Overview;
  backup: StoredBackup;
  onOpen(label: string): void;
  onChoose(intent: Intent): void;
  onClose(): void;
}

/** Everything about one backup: what it holds, what it needs, whether it was ever proven, and why it stays. */
export function BackupDetail({ overview, backup, onOpen, onChoose, onClose }: BackupDetailProps) {
  const times = useTimes();
  const may = useMay();
  const { repository } = overview;
  const relatives = repository ? relativesOf(repository, backup) : { parents: [], children: [] };
  const facts: [string, ReactNode][] = [
    ['State', <BackupState key="state" overview={overview} backup={backup} />],
    ['Made', `${times.moment(backup.startMs)}, in ${durationText(backup.stopMs - backup.startMs)}`],
    ['Ended', times.moment(backup.stopMs)],
    ['Database', bytesText(backup.databaseBytes)],
    ['Copied', bytesText(backup.copiedBytes)],
    ['In the repository', bytesText(backup.repositoryBytes)],
    ['Timeline', timelineOf(backup)],
    ['WAL it needs', <Code key="wal" text={`${backup.startWal} – ${backup.stopWal}`} />],
    ['Positions', <Code key="lsn" text={`${backup.startLsn} – ${backup.stopLsn}`} />],
    ['Verified', <ProofText key="verified" proof={verifiedOf(overview, backup.label)} />],
    ['Proven by a drill', <ProofText key="proven" proof={provenOf(overview, backup.label)} />],
    [
      'Built on',
      <Labels key="parents" labels={relatives.parents} none="nothing: it is whole" onOpen={onOpen} />,
    ],
    ['Others need it', <Labels key="children" labels={relatives.children} none="none" onOpen={onOpen} />],
    ['Kept because', backup.keptBecause.join(', ') || 'nothing keeps it'],
    ['Goes', goesText(backup, times.moment)],
  ];
  return (
    <Dialog isOpen onClose={onClose} title={`${backup.type} backup ${backup.label}`}>
      <dl className="grid grid-cols-[8rem_minmax(0,1fr)] gap-x-4 gap-y-1 text-[0.8125rem]">
        {facts.map(([title, value]) => (
          <div key={title} className="contents">
            <dt className="text-ink-faint">{title}</dt>
            <dd className="break-words">{value}</dd>
          </div>
        ))}
        {!may.operate && backup.notes[personNote] ? (
          <div className="contents">
            <dt className="text-ink-faint">Note</dt>
            <dd>{backup.notes[personNote]}</dd>
          </div>
        ) : null}
      </dl>
      {may.operate ? <Notes key={backup.label} backup={backup} onChoose={onChoose} /> : null}
    </Dialog>
  );
}

function Notes({ backup, onChoose }: Pick<BackupDetailProps, 'backup' | 'onChoose'>) {
  const { label, notes } = backup;
  const held = notes[holdNote] ?? '';
  const [hold, setHold] = useState(held);
  const [note, setNote] = useState(notes[personNote] ?? '');
  const noteNow = notes[personNote] ?? '';
  return (
    <div className="mt-4 flex flex-col gap-3 border-line border-t pt-4">
      <div className="flex items-end gap-2">
        <div className="min-w-0 flex-1">
          <TextField
            label={held ? 'Held because' : 'Hold it because'}
            value={hold}
            disabled={held !== ''}
            maxLength={200}
            placeholder="audit 2026"
            onChange={(event) => setHold(event.target.value)}
          />
        </div>
        {held ? (
          <Button onClick={() => onChoose({ kind: 'hold-backup', label, note: null })}>Release…</Button>
        ) : (
          <Button
            disabled={!isNote(hold)}
            onClick={() => onChoose({ kind: 'hold-backup', label, note: hold.trim() })}
          >
            Hold…
          </Button>
        )}
      </div>
      <div className="flex items-end gap-2">
        <div className="min-w-0 flex-1">
          <TextField
            label="Note"
            value={note}
            maxLength={200}
            onChange={(event) => setNote(event.target.value)}
          />
        </div>
        <Button
          disabled={note.trim() === noteNow || (note.trim() !== '' && !isNote(note))}
          onClick={() =>
            onChoose({ kind: 'note-backup', label, note: note.trim() === '' ? null : note.trim() })
          }
        >
          Save the note…
        </Button>
      </div>
      <p className="text-ink-faint text-xs">
        Letters without accents, on one line: the repository keeps no others.
      </p>
    </div>
  );
}

/** The cluster checks it again. */
function isNote(text: string): boolean {
  return /^[\x20-\x7e]{1,200}$/.test(text.trim());
}

function Code({ text }: { text: string }) {
  return <code className="break-all text-xs">{text}</code>;
}

function ProofText({ proof }: { proof: Proof }) {
  const times = useTimes();
  return (
    <Status tone={proof.tone}>
      {proof.atMs === null ? proof.text : `${proof.text}, ${times.moment(proof.atMs)}`}
    </Status>
  );
}

function Labels({ labels, none, onOpen }: { labels: string[]; none: string; onOpen(label: string): void }) {
  if (labels.length === 0) return none;
  return (
    <span className="flex flex-col items-start">
      {labels.map((label) => (
        <button
          key={label}
          type="button"
          className="break-all text-left font-mono text-accent text-xs underline"
          onClick={() => onOpen(label)}
        >
          {label}
        </button>
      ))}
    </span>
  );
}
