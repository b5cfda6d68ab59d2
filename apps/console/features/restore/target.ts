import type { Target } from '../backups/prepare.ts';

/** What a person has chosen to restore to, while they choose (pure). */

export const targetKinds = ['time', 'latest', 'name', 'backup', 'xid', 'lsn'] as const;

export interface Draft {
  kind: (typeof targetKinds)[number];
  atMs: number;
  /** Whose clocks the exact time means; empty: those of the console. */
  zone: string;
  isExclusive: boolean;
  name: string;
  label: string;
  xid: string;
  lsn: string;
}

export function draftAt(atMs: number): Draft {
  return { kind: 'time', atMs, zone: '', isExclusive: false, name: '', label: '', xid: '', lsn: '' };
}

export function targetOf(draft: Draft): { ok: true; target: Target } | { ok: false; problem: string } {
  const inclusive = !draft.isExclusive;
  switch (draft.kind) {
    case 'latest':
      return { ok: true, target: { kind: 'latest' } };
    case 'time':
      return { ok: true, target: { kind: 'time', atMs: draft.atMs, inclusive } };
    case 'name':
      if (draft.name === '') return { ok: false, problem: 'Choose a named point.' };
      return { ok: true, target: { kind: 'name', name: draft.name } };
    case 'backup':
      if (draft.label === '') return { ok: false, problem: 'Choose a backup.' };
      return { ok: true, target: { kind: 'backup', label: draft.label } };
    case 'xid':
      if (!/^\d{1,20}$/.test(draft.xid.trim()))
        return { ok: false, problem: 'Give the number of a transaction.' };
      return { ok: true, target: { kind: 'xid', xid: draft.xid.trim(), inclusive } };
    case 'lsn': {
      const lsn = draft.lsn.trim().toUpperCase();
      if (!/^[0-9A-F]{1,8}\/[0-9A-F]{1,8}$/.test(lsn))
        return { ok: false, problem: 'Give a position like 0/5A000028.' };
      return { ok: true, target: { kind: 'lsn', lsn, inclusive, timeline: null } };
    }
  }
}

/** The form with a target that was offered, so that what is planned and what is shown are the same. */
export function withTarget(draft: Draft, target: Target): Draft {
  const isExclusive = 'inclusive' in target ? target.inclusive === false : draft.isExclusive;
  const { kind } = target;
  switch (target.kind) {
    case 'latest':
      return { ...draft, kind };
    case 'time':
      return { ...draft, kind, isExclusive, atMs: target.atMs };
    case 'name':
      return { ...draft, kind, name: target.name };
    case 'backup':
      return { ...draft, kind, label: target.label };
    case 'xid':
      return { ...draft, kind, isExclusive, xid: target.xid };
    case 'lsn':
      return { ...draft, kind, isExclusive, lsn: target.lsn };
  }
}
