import { describe, expect, it } from 'vitest';
import { remembered } from './cluster-backup-manager.ts';
import { damageOf, noDamage, tellable } from './damage.ts';
import type { Verification } from './engine.ts';

const segment = '000000010000000000000007';
const sha1 = 'a'.repeat(40);

function verification(change: Partial<Verification> = {}): Verification {
  return {
    ...{ ok: false, wal: { checked: 9, valid: 9, problems: [] }, other: [] },
    backups: [
      { label: 'A', ok: true, checked: 5, valid: 5, problems: [] },
      { label: 'B', ok: true, checked: 5, valid: 5, problems: [] },
    ],
    ...change,
  };
}
const held = [
  { label: 'A', references: [] },
  { label: 'B', references: ['A'] },
  { label: 'C', references: ['A', 'B'] },
];

describe('I-BACKUP-6: what a verification found damaged', () => {
  it('is nothing while there was none, or when it found everything whole', () => {
    expect(damageOf(null, held)).toBe(noDamage);
    expect(damageOf(verification({ ok: true }), held)).toEqual(noDamage);
  });

  it('costs the backup whose file it is, what was built on it since, and not what was read and found whole', () => {
    const problems = ['invalid checksum: bundle/1'];
    const backups = verification().backups.map((each) =>
      each.label === 'A' ? { ...each, ok: false, valid: 4, problems } : each,
    );
    const { backups: damaged } = damageOf(verification({ backups }), held);
    expect([...damaged]).toEqual([
      ['A', 'a verification found it damaged: invalid checksum: bundle/1'],
      ['C', 'it is built on A, which a verification found damaged'],
    ]);
  });

  it('costs nothing yet when it is one of two copies, and all when the manifest cannot be read', () => {
    const manifest = (checked: number, problem: string) => {
      const own = { label: 'A', ok: false, checked, valid: checked, problems: [problem] };
      return [...damageOf(verification({ backups: [own] }), held.slice(0, 1)).backups.keys()];
    };
    expect(manifest(5, 'backup.manifest and its copy differ: one of them is damaged')).toEqual([]);
    expect(manifest(0, 'the backup is manifest missing')).toEqual(['A']);
  });

  it('names the segments of WAL that recovery has to end before', () => {
    const problems = ['checksum invalid: 1', `invalid checksum: ${segment}-${sha1}.lz4`];
    const found = damageOf(verification({ wal: { checked: 9, valid: 8, problems } }), held);
    expect([...found.segments]).toEqual([segment]);
  });

  it('is remembered however many backups were found whole', () => {
    const all = Array.from({ length: 500 }, (_, at) => ({ label: String(at), ok: at !== 3 }));
    const kept = remembered(all);
    expect(kept).toHaveLength(101);
    expect(kept[0]).toEqual({ label: '3', ok: false });
  });

  it('is forgotten with the repository that it was found in', () => {
    const wal = { checked: 9, valid: 8, problems: [`invalid checksum: ${segment}-${sha1}.lz4`] };
    expect(damageOf(verification({ wal }), [{ label: 'elsewhere', references: [] }])).toBe(noDamage);
  });

  it('is told to another host in few words, by which that one finds the same', () => {
    const wrong = `invalid checksum: ${segment}-${sha1}.lz4`;
    const many = Array.from({ length: 20 }, (_, at) => `file ${at}: ${'x'.repeat(400)}`);
    const found = verification({
      wal: { checked: 9, valid: 8, problems: ['1 of 9 files', wrong] },
      backups: [
        { label: 'A', ok: false, checked: 5, valid: 4, problems: many },
        { label: 'B', ok: true, checked: 5, valid: 5, problems: [] },
      ],
      other: ['a repository file'],
    });
    expect(damageOf(tellable(found), held)).toEqual(damageOf(found, held));
    expect(damageOf(found, held).backups.has('A')).toBe(true);
    expect(JSON.stringify(tellable(found)).length).toBeLessThan(600);
  });
});
