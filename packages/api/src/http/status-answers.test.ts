import type { IncomingMessage } from 'node:http';
import type { ClusterStatus } from '@quantadb/engine/contract/status';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { clusterView, StatusBoard } from '../clusters/status-board.ts';
import type { StatusKeeper } from '../clusters/status-keeper.ts';
import { StatusAnswers } from './status-answers.ts';

const shop = '0195a5a4-0000-7000-8000-000000000001';
const bank = '0195a5a4-0000-7000-8000-000000000002';
const viewer = { role: 'viewer', clusters: {} } as const;
const guest = { role: 'none', clusters: { [shop]: 'viewer' } } as const;
const nobody = { role: 'none', clusters: {} } as const;

let board: StatusBoard;
let answers: StatusAnswers;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1500 });
  board = new StatusBoard();
  const rows = [shop, bank].map((clusterId) => {
    return { clusterId, name: clusterId.slice(-1), revision: 1, reportedAtMs: 1000 };
  });
  for (const { clusterId } of rows) {
    board.hear(
      clusterId,
      {
        name: clusterId.slice(-1),
        revision: 1,
        nodes: [],
        raft: { leader: null, term: 1 },
      } as unknown as ClusterStatus,
      1000,
    );
  }
  board.learn(rows, 1000);
  const keeper = { board, list: async () => board.list(), find: async (id: string) => board.find(id) };
  answers = new StatusAnswers(keeper as unknown as StatusKeeper);
});

afterEach(() => void vi.useRealTimers());

const asked = (url: string, method = 'GET', headers = {}) => ({ url, method, headers }) as IncomingMessage;
const rest = async (url: string, roles: Parameters<StatusAnswers['rest']>[1], method = 'GET') => {
  const answer = await answers.rest(asked(`/api/v1${url}`, method), roles);
  return answer && JSON.parse(String(answer.bytes));
};
const procedure = async (path: string, roles: Parameters<StatusAnswers['rest']>[1], headers = {}) => {
  const parts = await answers.procedure(asked(`/api/trpc/${path}`, 'GET', headers), roles);
  return parts && JSON.parse(parts.join(''));
};
const input = (value: unknown) => `input=${encodeURIComponent(JSON.stringify(value))}`;

test('I-BOARD-4: everybody gets the clusters that he may read; every refusal is left to the procedure', async () => {
  expect((await rest('/clusters', viewer)).map(({ id }: { id: string }) => id)).toEqual([shop, bank]);
  expect((await rest('/clusters', guest)).map(({ id }: { id: string }) => id)).toEqual([shop]);
  expect(await rest(`/clusters/${shop}`, guest)).toMatchObject({ id: shop, status: { revision: 1 } });
  expect(await rest(`/clusters/${bank}`, guest)).toBeNull();
  expect([await rest('/clusters', nobody), await rest('/clusters', null)]).toEqual([null, null]);
  expect(await procedure(`clusters.get?${input({ clusterId: bank })}`, guest)).toBeNull();
});

test('I-BOARD-4: says how old each status is by the clock of the console, as the procedure does', async () => {
  const ages = async () => (await rest('/clusters', viewer)).map(({ ageMs }: { ageMs: number }) => ageMs);
  expect(await ages()).toEqual([500, 500]);
  const tags = async () => {
    const all = await answers.rest(asked('/api/v1/clusters'), viewer);
    const one = await answers.rest(asked(`/api/v1/clusters/${shop}`), viewer);
    return [all?.etag(), one?.etag()];
  };
  const [allBefore, shopBefore] = await tags();
  board.hear(bank, { name: '2', revision: 2, nodes: [] } as unknown as ClusterStatus, 2000);
  vi.setSystemTime(9000);
  expect(await ages()).toEqual([8000, 7000]);
  expect(await rest(`/clusters/${shop}`, viewer)).toEqual(board.list().map(clusterView)[0]);
  // Growing older is no news.
  const [allNow, shopNow] = await tags();
  expect([allNow === allBefore, shopNow]).toEqual([false, shopBefore]);
});

test('answers a procedure in the form that tRPC would, alone and as the only one of a batch', async () => {
  const data = await rest(`/clusters/${shop}`, viewer);
  const one = `clusters.get?${input({ clusterId: shop })}`;
  expect(await procedure(one, viewer)).toEqual({ result: { data } });
  const batch = `clusters.get?batch=1&${input({ 0: { clusterId: shop } })}`;
  expect(await procedure(batch, viewer)).toEqual([{ result: { data } }]);
  expect((await procedure(`clusters.list?${input({})}`, viewer)).result.data).toHaveLength(2);
});

test('anything unusual is the procedure’s', async () => {
  for (const url of ['/clusters?x=1', '/clusters/', '/clusters/nonsense', `/clusters/${shop}/events`])
    expect([url, await rest(url, viewer)]).toEqual([url, null]);
  expect(await rest('/clusters', viewer, 'POST')).toBeNull();
  for (const path of [
    `clusters.list?${input({ nonsense: true })}`,
    'clusters.list',
    `clusters.list,alerts.list?batch=1&${input({ 0: {}, 1: {} })}`,
    `clusters.get?${input({ clusterId: shop, more: 1 })}`,
  ])
    expect([path, await procedure(path, viewer)]).toEqual([path, null]);
  const stream = { 'trpc-accept': 'application/jsonl' };
  expect(await procedure(`clusters.list?${input({})}`, viewer, stream)).toBeNull();
});

test('a status that this release does not understand is the procedure’s to judge', async () => {
  const odd = { clusterId: bank, name: '2', revision: 2, reportedAtMs: 2000 };
  board.take([{ ...odd, status: {} as ClusterStatus, isUnderstood: false }], 2000);
  expect([await rest('/clusters', viewer), await rest(`/clusters/${bank}`, viewer)]).toEqual([null, null]);
  expect(await rest(`/clusters/${shop}`, viewer)).toMatchObject({ id: shop });
});
