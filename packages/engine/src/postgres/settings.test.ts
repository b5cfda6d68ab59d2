import { expect, test } from 'vitest';
import type { NodePlace } from './layout.ts';
import {
  includeLast,
  initialSettings,
  isOwnedSetting,
  judgeParameters,
  renderConninfo,
  renderSettings,
  stripOwnedSettings,
} from './settings.ts';

const place: NodePlace = {
  nodeName: 'node-2',
  clusterName: 'demo',
  binDir: '/bin',
  dataDir: '/q/data',
  stateDir: "/q/o'state",
  runDir: '/q/run',
  port: 5502,
  listenHost: '127.0.0.1',
  tls: { ca: '', cert: '', key: '' },
  osUser: null,
};
const upstream = {
  name: 'node-1',
  host: '10.0.0.1',
  port: 5501,
  slot: 'quantadb_node_2',
  applicationName: 'node-2',
};

test('a user’s parameter is written, and one that QuantaDB owns is refused by name', () => {
  const parameters = {
    work_mem: '64MB',
    Primary_Conninfo: 'host=elsewhere',
    wal_keep_size: '1GB',
    'auto_explain.x': '1',
  };
  const { file, refused } = renderSettings(place, { ...initialSettings, parameters });
  expect(file).toContain("work_mem = '64MB'");
  expect(file).toContain("auto_explain.x = '1'");
  expect(file).toContain("wal_keep_size = '1GB'");
  expect(file).not.toContain('elsewhere');
  expect(refused).toEqual([{ name: 'primary_conninfo', reason: 'owned', detail: expect.any(String) }]);
});

test('what would break out of its line is refused', () => {
  const { refused, accepted } = judgeParameters({
    'work_mem = 1\nfsync': 'off',
    search_path: "a\nfsync = 'off'",
    shared_preload_libraries: '/tmp/evil.so',
    application_name: "it's \\ fine",
  });
  expect(refused.map((each) => each.reason)).toEqual(['malformed', 'malformed', 'malformed']);
  const { file } = renderSettings(place, { ...initialSettings, parameters: accepted });
  expect(file).toContain("application_name = 'it''s \\\\ fine'");
});

test('settings that need a restart are on the command line, the user’s libraries beside ours', () => {
  const parameters = { shared_preload_libraries: 'auto_explain, pg_stat_statements' };
  const { commandLine } = renderSettings(place, { ...initialSettings, parameters });
  expect(commandLine).toContain('shared_preload_libraries=pg_stat_statements,auto_explain');
  expect(commandLine).toContain('wal_level=logical');
  expect(commandLine).toContain('cluster_name=demo');
});

test('the connection to the upstream verifies it, names this node and holds no secret', () => {
  const { file } = renderSettings(place, { ...initialSettings, upstream, receiverKey: 'receiver-1.key' });
  const line = file.split('\n').find((each) => each.startsWith('primary_conninfo'));
  expect(line).toContain("sslmode=''verify-full''");
  expect(line).toContain("application_name=''node-2''");
  expect(line).not.toContain('password');
  expect(file).toContain("primary_slot_name = 'quantadb_node_2'");
});

test('without an upstream or without its key there is no connection to it', () => {
  for (const change of [{}, { upstream }, { receiverKey: 'receiver-1.key' }]) {
    expect(renderSettings(place, { ...initialSettings, ...change }).file).toContain(
      "primary_conninfo = ''\n",
    );
  }
});

test('values of a connection string are quoted as libpq reads them', () => {
  expect(renderConninfo({ host: "it's", options: 'a\\b' })).toBe("host='it\\'s' options='a\\\\b'");
});

test('what ALTER SYSTEM set against us is taken out, the rest of the file stays', () => {
  const before = "# Do not edit\nwork_mem = '4MB'\nSynchronous_Standby_Names = ''\nwal_level = 'minimal'\n";
  const { text, stripped } = stripOwnedSettings(before);
  expect(text).toBe("# Do not edit\nwork_mem = '4MB'\n");
  expect(stripped).toEqual(['synchronous_standby_names', 'wal_level']);
});

test('our file is included once, and last', () => {
  const once = includeLast('port = 1\n');
  expect(once).toBe("port = 1\ninclude 'quantadb.conf'\n");
  expect(includeLast(once)).toBe(once);
  expect(includeLast(`${once}work_mem = '1MB'\n`)).toBe(
    "port = 1\nwork_mem = '1MB'\ninclude 'quantadb.conf'\n",
  );
});

test('everything that durability and fencing rest on is owned', () => {
  for (const name of [
    'fsync',
    'full_page_writes',
    'synchronous_commit',
    'restore_command',
    'RESTART_AFTER_CRASH',
    'ssl',
  ]) {
    expect(isOwnedSetting(name)).toBe(true);
  }
  expect(isOwnedSetting('work_mem')).toBe(false);
});
