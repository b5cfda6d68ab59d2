import { describe, expect, it } from 'vitest';
import { completed, gapsOf, platformOf } from './lock.mjs';

const lock = {
  packages: {
    '': {},
    'node_modules/tool': {
      version: '1.0.0',
      dev: true,
      optionalDependencies: { 'tool-linux-x64-musl': '1.0.0', here: '^2.0.0' },
    },
    'node_modules/here': { version: '2.1.0', optionalDependencies: { inner: '3.0.0' } },
    'node_modules/here/node_modules/inner': { version: '3.0.0' },
  },
};

describe('a lock file that lacks binaries of other systems', () => {
  it('is found out', () => {
    expect(gapsOf(lock)).toEqual([
      { name: 'tool-linux-x64-musl', version: '1.0.0', wantedBy: 'node_modules/tool' },
    ]);
  });

  it('is completed, so that nothing is missing', () => {
    const whole = completed(lock);
    expect(gapsOf(whole)).toEqual([]);
    expect(whole.packages['node_modules/tool-linux-x64-musl']).toEqual({
      version: '1.0.0',
      os: ['linux'],
      cpu: ['x64'],
      libc: ['musl'],
      dev: true,
      optional: true,
    });
  });

  it.each([
    ['@turbo/windows-64', { os: ['win32'], cpu: ['x64'] }],
    ['@oxc-parser/binding-linux-arm-gnueabihf', { os: ['linux'], cpu: ['arm'], libc: ['glibc'] }],
    ['@biomejs/cli-darwin-arm64', { os: ['darwin'], cpu: ['arm64'] }],
    ['@biomejs/cli-win32-x64', { os: ['win32'], cpu: ['x64'] }],
  ])('learns from the name what %s is for', (name, platform) => {
    expect(platformOf(name)).toEqual(platform);
  });

  it('does not guess when the name says nothing', () => {
    expect(() => platformOf('left-pad')).toThrow('left-pad');
  });
});
