import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readSuffix, readSwitches, type SplitClient, splitOf } from './read-split.ts';
import { ownRouterSettingsSchema, routerChangesSchema, usualRouterSettings } from './router-settings.ts';

const client: SplitClient = { user: 'anna', database: 'shop', asked: null, bySuffix: null };

describe('whose reads go to standbys', () => {
  it('is decided by the narrowest that says so: connection, suffix, user, database, all (I-ROUTER-9)', () => {
    const switches = fc.option(fc.boolean(), { nil: null });
    const text = (name: string, value: boolean | null) =>
      value === null ? '' : `${name}=${value ? 'on' : 'off'}, other=on`;
    const levels = fc.tuple(switches, switches, switches, switches, fc.boolean());
    fc.assert(
      fc.property(levels, ([asked, bySuffix, user, database, split]) => {
        const settings = {
          ...{ ...usualRouterSettings, split },
          ...{ splitUsers: text('anna', user), splitDatabases: text('shop', database) },
        };
        const values = [asked, bySuffix, user, database, split];
        const names = ['connection', 'suffix', 'user', 'database', 'default'];
        const first = values.findIndex((value) => value !== null);
        const expected = { isOn: values[first], by: names[first] };
        expect(splitOf(settings, { ...client, asked, bySuffix })).toEqual(expected);
      }),
    );
  });

  it('can be told by the end of the name of the database', () => {
    const settings = { splitOnSuffix: '_reads', splitOffSuffix: '_writes' };
    expect(readSuffix('shop_reads', settings)).toEqual({ database: 'shop', isOn: true });
    expect(readSuffix('shop_writes', settings)).toEqual({ database: 'shop', isOn: false });
    for (const name of ['shop', '_reads', 'shop_readsx']) expect(readSuffix(name, settings)).toBeNull();
    expect(readSuffix('shop_reads', usualRouterSettings)).toBeNull();
    expect(readSuffix('shop_x', { splitOnSuffix: '_x', splitOffSuffix: '_x' })?.isOn).toBe(false);
  });
});

describe('a list of switches', () => {
  it('names whoever it is about, quoted where a name needs it', () => {
    const read = readSwitches(' anna=on,"odd, ""one"""=off , Ärger = on ');
    const found = [
      ['anna', true],
      ['odd, "one"', false],
      ['Ärger', true],
    ];
    expect(read.ok && [...read.switches]).toEqual(found);
    expect(readSwitches('')).toEqual({ ok: true, switches: new Map() });
  });

  it('that cannot be read is refused before anybody agrees on it', () => {
    for (const text of ['anna', 'anna=yes', 'a=on b=on', 'a=on,', '=on', '"a=on', 'a=on,a=off'])
      expect(readSwitches(text).ok, text).toBe(false);
    expect(routerChangesSchema.safeParse({ splitUsers: 'anna' }).error?.issues[0]?.message).toMatch(
      /^splitUsers: name=on/,
    );
    expect(routerChangesSchema.safeParse({ splitOnSuffix: 'a b' }).success).toBe(false);
    expect(routerChangesSchema.safeParse({ splitUsers: 'anna=on', splitOnSuffix: '_r' }).success).toBe(true);
    expect(ownRouterSettingsSchema.safeParse({ splitDatabases: 'shop=off' }).success).toBe(true);
  });
});
