import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { signature } from './alerts/send.ts';
import { AlertReceivers } from './testing/alert-receivers.ts';
import { adminPassword, TestConsole, TestDatabase } from './testing/test-control-plane.ts';
import { TestHost } from './testing/test-host.ts';

/** Alerts of one cluster, judged by one of two consoles, told to real servers. */

const clusterId = '6f6a1a52-5a5e-4d1c-9d3e-0a3c3b0a7a11';
const secret = 'a secret that only two know';
/** Where no directory can be. */
const metadataBackup = { directory: '/dev/null/copies', everyHours: 1, keep: 2 };
const often = { judgeAlertsEveryMs: 150, alertsHangMs: 1500, metadataBackup };
const patience = { timeout: 20_000, interval: 100 };

let database: TestDatabase;
let first: TestConsole;
let second: TestConsole;
let admin = '';
let receivers: AlertReceivers;

beforeAll(async () => {
  database = await TestDatabase.start();
  first = await TestConsole.start(database, often);
  const person = { name: 'Ada', email: 'admin@example.com', password: adminPassword };
  await first.call('POST', '/api/v1/setup', { body: person });
  admin = await first.signIn(person.email);
  second = await TestConsole.start(database, often);
  receivers = await AlertReceivers.start();
  await database.run('INSERT INTO cluster (id, name) VALUES ($1, $2)', [clusterId, 'demo']);
  await database.run(
    `INSERT INTO host (name, kind, addresses, cert_fingerprint, cert_expires_at, last_seen_at, cluster_id)
     VALUES ('node-1', 'data', '{}', 'x', now() + interval '1 year', now() + interval '1 hour', $1)`,
    [clusterId],
  );
  await report('streaming');
});

afterAll(async () => {
  await first?.close();
  await second?.close();
  receivers?.close();
  await database?.stop();
});

/** As if the cluster had reported this now, and went on to. */
async function report(state: string): Promise<void> {
  const node = (name: string, parts: object) => ({
    ...{ name, kind: 'data', detail: 'as told', address: null, postgres: null, api: 'http://a', timeline: 2 },
    ...{ lsn: null, lagBytes: 0, lagMs: 0, sync: 'quorum', raft: 'voter', maintenance: false, clone: null },
    ...parts,
  });
  const status = {
    ...{
      name: 'demo',
      health: 'healthy',
      verdict: '',
      primary: 'node-1',
      epoch: 1,
      timeline: 2,
      revision: 1,
    },
    ...{ durability: 'quorum', raft: { leader: 'node-1', term: 1 }, connect: null, routers: [] },
    nodes: [
      node('node-1', { role: 'primary', state: 'running' }),
      node('node-2', { role: 'standby', state }),
    ],
  };
  const sql = "UPDATE cluster SET status = $1, reported_at = now() + interval '1 hour' WHERE id = $2";
  await database.run(sql, [JSON.stringify(status), clusterId]);
}

const api = async (method: string, path: string, body?: unknown) => {
  const options = method === 'POST' ? { as: admin, body: body ?? {} } : { as: admin };
  const { status, body: answer } = await second.call(method, `/api/v1${path}`, options);
  expect([path, status, JSON.stringify(answer)]).toEqual([path, 200, expect.any(String)]);
  return answer;
};
const firing = async () => ((await api('GET', '/alerts')) as { rule: string }[]).map(({ rule }) => rule);
const events = () => receivers.got.map(({ body }) => (JSON.parse(body) as { event: string }).event);
const seenAt = () => database.run("SELECT seen_at FROM alert WHERE state = 'firing'");

test('channels keep their secrets, and a test message says what came of it', async () => {
  const url = `http://127.0.0.1:${receivers.hookPort}/hook?token=very-secret`;
  const hook = await api('POST', '/alerts/channels', {
    name: 'hook',
    config: { kind: 'webhook', url, secret },
  });
  const email = {
    ...{ kind: 'email', host: '127.0.0.1', port: receivers.mailPort, security: 'none' },
    ...{ from: 'quantadb@example.com', to: ['dba@example.com'] },
  };
  const mail = await api('POST', '/alerts/channels', { name: 'mail', config: email });
  const listed = JSON.stringify(await api('GET', '/alerts/channels'));
  expect(listed).not.toContain('very-secret');
  expect(listed).not.toContain(secret);
  expect(listed).toContain('dba@example.com');
  receivers.answers.push(302);
  expect(await api('POST', `/alerts/channels/${hook.id}/test`)).toEqual({
    ...{ ok: false, detail: 'the other side answered 302' },
  });
  expect(await api('POST', `/alerts/channels/${hook.id}/test`)).toMatchObject({ ok: true });
  expect(await api('POST', `/alerts/channels/${mail.id}/test`)).toMatchObject({ ok: true });
  expect(receivers.mails[0]).toContain('Subject: Test: INFO QuantaDB: A test');
  const route = { severities: ['warning'], channelIds: [hook.id], clusterIds: [clusterId], name: 'Demo' };
  const escalation = { escalateMinutes: 1, escalateChannelIds: [mail.id] };
  const rest = { name: 'Rest', severities: [], clusterIds: [], channelIds: [], escalateMinutes: null };
  await api('POST', '/alerts/routes', {
    routes: [{ ...route, ...escalation }],
    rest: { ...rest, escalateChannelIds: [] },
  });
  expect(await api('GET', `/alerts/who-gets?rule=node-unreachable&cluster=${clusterId}`)).toEqual({
    ...{ isOn: true, severity: 'warning', forSeconds: 15, channels: ['hook'] },
    ...{ later: [{ afterMinutes: 1, channels: ['mail'] }], silencedUntil: null },
  });
  receivers.got.length = 0;
});

test('I-ALERT-8: an alert fires, and its message is signed and sent again until it arrives', async () => {
  const settings = { forSeconds: 0 };
  await api('POST', '/alerts/rules/node-unreachable', { cluster: clusterId, settings });
  receivers.answers.push(500, 500);
  await report('unreachable');
  await expect.poll(firing, patience).toEqual(['node-unreachable']);
  await expect.poll(() => receivers.got.length, patience).toBe(3);
  expect(events()).toEqual(['firing', 'firing', 'firing']);
  for (const { headers, body } of receivers.got) {
    const timestamp = String(headers['x-quantadb-timestamp']);
    const expected = signature(secret, timestamp, body)['x-quantadb-signature'];
    expect(headers['x-quantadb-signature']).toBe(expected);
  }
  expect(new Set(receivers.got.map(({ headers }) => headers['x-quantadb-delivery'])).size).toBe(1);
  const [alert] = await api('GET', '/alerts');
  expect(alert).toMatchObject({ subject: 'node-2', cluster: 'demo', channels: ['hook'], silencedBy: null });
  expect(alert.later).toMatchObject([{ afterMinutes: 1, channels: ['mail'] }]);
  await expect
    .poll(() => api('GET', `/alerts/${alert.id}/deliveries`), patience)
    .toMatchObject([{ channel: 'hook', kind: 'firing', state: 'sent', attempts: 3 }]);
});

test('nobody acknowledges it: the second channel is told; then somebody does', async () => {
  await database.run("UPDATE alert SET notified_at = notified_at - interval '61 s' WHERE state = 'firing'");
  await expect.poll(() => receivers.mails.length, patience).toBe(2);
  expect(receivers.mails[1]).toContain('Subject: Nobody has acknowledged it: WARNING demo');
  const [alert] = await api('GET', '/alerts');
  await api('POST', `/alerts/${alert.id}/acknowledge`, { note: 'on my way' });
  const [after] = await api('GET', '/alerts');
  expect(after.acknowledged).toMatchObject({ by: 'admin@example.com', note: 'on my way' });
  expect(after.later).toEqual([]);
});

test('what is over is told to those who knew of it, and is history', async () => {
  await report('streaming');
  // A minute of quiet, gone by at once.
  const passes = "UPDATE alert SET seen_at = seen_at - interval '61 s' WHERE state = 'firing'";
  await expect
    .poll(async () => {
      await database.run(passes);
      return firing();
    }, patience)
    .toEqual([]);
  await expect.poll(events, patience).toEqual(['firing', 'firing', 'firing', 'resolved']);
  await expect.poll(() => receivers.mails.length, patience).toBe(3);
  const history = await api('GET', '/alerts/history');
  expect(history).toMatchObject([
    { rule: 'node-unreachable', state: 'resolved', acknowledged: { note: 'on my way' } },
  ]);
});

test('a silence keeps it quiet, though it is shown; when that ends it is told', async () => {
  receivers.got.length = 0;
  const endsAt = new Date(Date.now() + 3_600_000).toISOString();
  const silence = await api('POST', '/alerts/silences', { cluster: clusterId, endsAt, reason: 'a new disk' });
  await report('unreachable');
  await expect.poll(firing, patience).toEqual(['node-unreachable']);
  expect((await api('GET', '/alerts'))[0]).toMatchObject({ silencedBy: silence.id });
  const who = `/alerts/who-gets?rule=node-unreachable&cluster=${clusterId}`;
  expect(await api('GET', who)).toMatchObject({ silencedUntil: endsAt });
  // Told, if at all, at the look that has made it fire: two more have passed.
  for (let look = 0; look < 2; look += 1) {
    const before = await seenAt();
    await expect.poll(seenAt, patience).not.toEqual(before);
  }
  const sent = "SELECT 1 FROM alert_delivery d JOIN alert a ON a.id = d.alert_id WHERE a.state = 'firing'";
  expect(await database.run(sent)).toEqual([]);
  expect(receivers.got).toEqual([]);
  await api('DELETE', `/alerts/silences/${silence.id}`);
  await expect.poll(events, patience).toEqual(['firing']);
});

test('what gets worse is told again, and somebody is called for it again', async () => {
  const channels = (await api('GET', '/alerts/channels')) as { id: string; name: string }[];
  const idOf = (name: string) => channels.find((channel) => channel.name === name)?.id ?? '';
  const rest = { name: 'Rest', severities: [], clusterIds: [], channelIds: [], escalateMinutes: null };
  const demo = { name: 'Demo', severities: ['warning', 'critical'], clusterIds: [clusterId] };
  const calls = { channelIds: [idOf('hook')], escalateMinutes: 1, escalateChannelIds: [idOf('mail')] };
  await api('POST', '/alerts/routes', {
    routes: [{ ...demo, ...calls }],
    rest: { ...rest, escalateChannelIds: [] },
  });
  receivers.got.length = 0;
  receivers.mails.length = 0;
  const passes = `UPDATE alert SET notified_at = notified_at - interval '61 s', escalated_at = escalated_at - interval '61 s'
    WHERE state = 'firing'`;
  await database.run(passes);
  await expect.poll(() => receivers.mails.length, patience).toBe(1);
  const settings = { forSeconds: 0, severity: 'critical' };
  await api('POST', '/alerts/rules/node-unreachable', { cluster: clusterId, settings });
  await expect.poll(events, patience).toEqual(['worse']);
  await database.run(passes);
  await expect.poll(() => receivers.mails.length, patience).toBe(2);
  expect(receivers.mails[1]).toContain('Subject: Nobody has acknowledged it: CRITICAL demo');
  await api('POST', '/alerts/rules/node-unreachable', { cluster: clusterId, settings: { forSeconds: 0 } });
});

test('what waits for a channel that was switched off is not sent', async () => {
  const add = `INSERT INTO alert_delivery (id, channel_id, kind, state, message, next_at)
    SELECT gen_random_uuid(), id, 'late', 'waiting', '{}', now() + interval '2 s' FROM alert_channel WHERE name = 'hook'`;
  await database.run("UPDATE alert_channel SET is_on = false WHERE name = 'hook'");
  await database.run(add);
  const late = async () =>
    (await database.ask("SELECT state, error FROM alert_delivery WHERE kind = 'late'")).rows;
  await expect.poll(late, patience).toEqual([{ state: 'failed', error: 'its channel was switched off' }]);
  await database.run("UPDATE alert_channel SET is_on = true WHERE name = 'hook'");
});

test('I-ALERT-9: one console judges, and another one takes over when it is gone', async () => {
  const holders = async () => {
    const { rows } = await database.ask('SELECT pid FROM pg_locks WHERE locktype = $1 AND objid = 4716004', [
      'advisory',
    ]);
    return rows.map(({ pid }) => Number(pid));
  };
  const [before] = await holders();
  expect(await holders()).toHaveLength(1);
  await database.run('SELECT pg_terminate_backend($1)', [before]);
  await expect.poll(holders, patience).toEqual([expect.not.objectContaining({ pid: before })]);
  await first.close();
  await report('streaming');
  const passes = "UPDATE alert SET seen_at = seen_at - interval '61 s' WHERE state = 'firing'";
  await expect
    .poll(async () => {
      await database.run(passes);
      return firing();
    }, patience)
    .toEqual([]);
  expect(await holders()).toHaveLength(1);
  first = await TestConsole.start(database, often);
});

test('I-ALERT-9: a console whose judging hangs leaves it to another one', async () => {
  const holder = async () =>
    (await database.ask("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = 4716004")).rows[0]
      ?.pid;
  const before = await holder();
  const blocker = new pg.Client({ connectionString: database.url });
  await blocker.connect();
  await blocker.query('BEGIN; LOCK TABLE alert_rule IN ACCESS EXCLUSIVE MODE');
  await expect.poll(holder, patience).not.toBe(before);
  const age = async () => {
    const texts = await Promise.all([first, second].map(({ url }) => fetch(`${url}/metrics`)));
    const all = (await Promise.all(texts.map((response) => response.text()))).join('\n');
    return Math.max(
      ...[...all.matchAll(/^quantadb_console_alerts_judged_age_seconds (\S+)/gm)].map(([, each]) =>
        Number(each),
      ),
    );
  };
  expect(await age()).toBeGreaterThan(1.5);
  await blocker.query('ROLLBACK');
  await blocker.end();
  await expect.poll(age, patience).toBeLessThan(1);
});

test('I-ALERT-8: a channel whose other side hangs keeps nobody waiting, and what is over is told after what began', async () => {
  let held = 0;
  const hanging = createServer(() => {
    held += 1;
  });
  hanging.listen(0, '127.0.0.1');
  await once(hanging, 'listening');
  const url = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}/`;
  const slow = await api('POST', '/alerts/channels', { name: 'slow', config: { kind: 'webhook', url } });
  const hook = (await api('GET', '/alerts/channels')).find(({ name }: { name: string }) => name === 'hook');
  receivers.got.length = 0;
  type More = { alert?: string; nextAt?: string; count?: number };
  const add = (channelId: string, kind: string, { alert, nextAt = '2020-01-01', count = 1 }: More) =>
    database.run(
      `INSERT INTO alert_delivery (id, alert_id, channel_id, kind, state, message, created_at, next_at)
       SELECT gen_random_uuid(), $1, $2, $3, 'waiting', jsonb_build_object('event', $3::text), clock_timestamp(), $4
       FROM generate_series(1, $5)`,
      [alert ?? null, channelId, kind, nextAt, count],
    );
  await add(slow.id, 'hangs', { count: 12 });
  await expect.poll(() => held, patience).toBe(5);
  const [{ id: alert }] = (await database.run('SELECT id FROM alert LIMIT 1')) as [{ id: string }];
  await database.run('DELETE FROM alert_delivery WHERE alert_id = $1', [alert]);
  await add(hook.id, 'firing', { alert, nextAt: new Date(Date.now() + 1500).toISOString() });
  await add(hook.id, 'resolved', { alert });
  await expect.poll(events, patience).toEqual(['firing', 'resolved']);
  expect(held).toBe(5);
  await api('DELETE', `/alerts/channels/${slow.id}`);
  hanging.closeAllConnections();
  hanging.close();
});

test('messages that never arrive are an alert themselves', async () => {
  receivers.answers.push(...Array.from({ length: 12 }, () => 500));
  await report('unreachable');
  // Between two attempts up to ten minutes pass, here none.
  const passes = "UPDATE alert_delivery SET next_at = now() WHERE state = 'waiting'";
  await expect
    .poll(async () => {
      await database.run(passes);
      return firing();
    }, patience)
    .toContain('channel-fails');
  const alerts = (await api('GET', '/alerts')) as { rule: string; sentence: string }[];
  expect(alerts.find(({ rule }) => rule === 'channel-fails')?.sentence).toBe(
    '1 message through hook could not be delivered: the other side answered 500',
  );
});

/** Told of at once, with these limits. */
async function changeRule(rule: string, limits: Record<string, number>): Promise<void> {
  await api('POST', `/alerts/rules/${rule}`, { cluster: null, settings: { forSeconds: 0, limits } });
}

async function untilFires(rule: string, subject: string): Promise<string> {
  const found = async () => {
    const alerts = (await api('GET', '/alerts')) as { rule: string; subject: string; sentence: string }[];
    return alerts.find((alert) => alert.rule === rule && alert.subject === subject)?.sentence;
  };
  await expect.poll(found, { ...patience, message: rule }).toBeTypeOf('string');
  return (await found()) ?? '';
}

test('a clock that is wrong, a certificate that runs out and a host that falls silent are told of', async () => {
  const shop = { id: '0195a5a4-0000-7000-8000-000000000003', name: 'shop' };
  await changeRule('clock-differs', {});
  // It was issued for less than that.
  await changeRule('certificate-expires', { days: 3650 });
  const host = await TestHost.enrol(first, admin, 'shop-1');
  await host.connect(first);
  await host.report(shop, { clockAheadMs: 90_000 });
  // The first report of a cluster makes it known, the second is one of its host.
  await host.report(shop, { clockAheadMs: 90_000, revision: 2 });
  // A renewed certificate that the host has not shown may not have reached its disk.
  await database.run("UPDATE host SET next_expires_at = now() + interval '20 years' WHERE name = 'shop-1'");
  expect(await untilFires('clock-differs', 'shop-1')).toMatch(/^The clock of host shop-1 is .* ahead of/);
  expect(await untilFires('certificate-expires', 'shop-1')).toMatch(/host shop-1 expires in/);
  host.close();
  // Its cluster is silent from now on, which is told of in ten seconds: the next test waits for that. Of a host it takes minutes.
  await changeRule('cluster-silent', { silence: 10 });
  // What it reported last may still be on its way to the metadata.
  const silent = "UPDATE host SET last_seen_at = now() - interval '121 s' WHERE name = 'shop-1'";
  await expect
    .poll(async () => {
      await database.run(silent);
      return firing();
    }, patience)
    .toContain('host-silent');
  expect(await untilFires('host-silent', 'shop-1')).toMatch(/^Host shop-1 has not reported for/);
});

test('a metadata database that hangs, one that is not backed up, one that takes no history, and a cluster that falls silent are told of', async () => {
  await changeRule('metadata-backup-old', { late: 0 });
  expect(await untilFires('metadata-backup-old', '')).toMatch(/^The metadata was never backed up; .*ENOTDIR/);
  await changeRule('metadata-slow', { ms: 150 });
  let isHanging = true;
  const hanging = (async () => {
    while (isHanging) await database.standStill(300);
  })();
  expect(await untilFires('metadata-slow', '')).toMatch(/^The metadata database needed \d{3,} ms/);
  isHanging = false;
  await hanging;
  await database.run(`CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE 'no space left on device' USING ERRCODE = 'disk_full'; END $$`);
  await database.run(
    'CREATE TRIGGER no_space BEFORE INSERT ON metric_sample FOR EACH STATEMENT EXECUTE FUNCTION no_space()',
  );
  // The one that judges goes by the rows that it has dropped itself: hosts of both of them tell.
  const hosts = await Promise.all([
    TestHost.enrol(first, admin, 'shop-2'),
    TestHost.enrol(first, admin, 'shop-3'),
  ]);
  for (const [index, host] of hosts.entries()) {
    const mall = { id: `0195a5a4-0000-7000-8000-00000000000${index + 4}`, name: `mall-${index}` };
    await host.connect(index === 0 ? first : second);
    await host.report(mall);
    await host.report(mall, { revision: 2 });
  }
  expect(await untilFires('history-lost', '')).toMatch(/^\d+ rows? of history were dropped/);
  expect(await untilFires('cluster-silent', '')).toMatch(/^No host of shop has reported for/);
  for (const host of hosts) host.close();
});
