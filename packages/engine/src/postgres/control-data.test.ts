import { expect, test } from 'vitest';
import { parseControlData } from './control-data.ts';

const text = `pg_control version number:            1300
Database system identifier:           7711287942880202998
Database cluster state:               in archive recovery
Latest checkpoint location:           0/17414F8
Latest checkpoint's REDO location:    0/017414C0
Latest checkpoint's TimeLineID:       3
Minimum recovery ending location:     0/0
Min recovery ending loc's timeline:   0
Bytes per WAL segment:                16777216
Data page checksum version:           1
`;

test('the fields of pg_controldata are found by name', () => {
  expect(parseControlData(text, 15)).toEqual({
    pgControlVersion: 1300,
    majorVersion: 15,
    systemIdentifier: '7711287942880202998',
    clusterState: 'in archive recovery',
    checkpointTimeline: 3,
    checkpointLsn: '0/17414F8',
    redoLsn: '0/17414C0',
    minRecoveryEndLsn: '0/0',
    minRecoveryEndTimeline: 0,
    dataChecksumVersion: 1,
    walSegmentBytes: 16777216,
  });
});

test('output without a needed field is an error, not a guess', () => {
  expect(() => parseControlData('Database system identifier: 1', 15)).toThrow(/printed no/);
});
