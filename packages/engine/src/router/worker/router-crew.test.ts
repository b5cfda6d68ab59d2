import { expect, it } from 'vitest';
import { usualRouterSettings } from '../../contract/router-settings.ts';
import { placed, together } from '../admin/crew-tables.ts';
import { idsOf, workerOf, workersMax } from './crew-questions.ts';
import { shareOf, sumOf } from './router-crew.ts';

it('several workers open no more connections to a server than one would', () => {
  for (const workers of [1, 2, 3, 7]) {
    const { serverConnectionsMax, poolSize, clientsMax } = shareOf(usualRouterSettings, workers);
    expect(serverConnectionsMax * workers).toBeLessThanOrEqual(usualRouterSettings.serverConnectionsMax);
    expect(poolSize * workers).toBeLessThanOrEqual(usualRouterSettings.poolSize);
    expect(clientsMax * workers).toBeGreaterThanOrEqual(usualRouterSettings.clientsMax);
  }
  expect(shareOf({ ...usualRouterSettings, poolSize: 1 }, 4).poolSize).toBe(1);
});

it('a router that is replaced and its successor share the servers, and newcomers are the successor’s alone', () => {
  const { serverConnectionsMax, clientsMax } = shareOf(usualRouterSettings, 2, 2);
  expect(serverConnectionsMax * 4).toBeLessThanOrEqual(usualRouterSettings.serverConnectionsMax);
  expect(clientsMax * 2).toBe(usualRouterSettings.clientsMax);
});

it('what they report is added up, and they know no more than the last of them', () => {
  const report = { clients: 2, busy: 1, waiting: 0, servers: 3, isDraining: true, counters: { waits: 1 } };
  const other = { ...report, epoch: 4, isDraining: false, counters: { waits: 2, pins: 1 } };
  expect(sumOf([{ ...report, epoch: 5 }, other])).toEqual({
    ...{ clients: 4, busy: 2, waiting: 0, servers: 6, epoch: 4, isDraining: false },
    counters: { waits: 3, pins: 1 },
  });
});

it('SHOW shows all of them: numbers added up, lists with the worker they are of', () => {
  const stats = (value: string) => ({ columns: ['name', 'value'], rows: [['waits', value]] });
  expect(together('stats', [stats('1'), stats('2'), null])).toEqual(stats('3'));
  const list = (server: string) => ({ columns: ['server'], rows: [[server]] });
  const seen = [1, 0].map((index) => placed('servers', list(`s${index}`), { index, count: 2 }));
  expect(together('servers', seen)).toEqual({
    columns: ['worker', 'server'],
    rows: [
      ['1', 's0'],
      ['2', 's1'],
    ],
  });
  expect(placed('servers', list('a'), { index: 0, count: 1 })).toEqual(list('a'));
  expect(together('routes', [list('own'), list('other')])).toEqual(list('own'));
});

it('the number that a client cancels by says which worker gave it', () => {
  for (let index = 0; index < workersMax; index++) {
    const { first, count } = idsOf({ index, count: workersMax });
    for (const id of [first + 1, first + count - 1, 0x40000000 + first]) expect(workerOf(id)).toBe(index);
    expect(first + count).toBeLessThanOrEqual(0x40000000);
  }
});
