import { expect, test } from 'vitest';
import { deviceOf } from './device.ts';

test('a session is recognised by its browser and system', () => {
  const webkit = 'AppleWebKit/537.36 (KHTML, like Gecko)';
  const agents = [
    'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${webkit} Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0`,
    `Mozilla/5.0 (Linux; Android 15; Pixel 8) ${webkit} Chrome/140.0.0.0 Mobile Safari/537.36`,
    'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Safari/604.1',
    'curl/8.5.0',
    null,
  ];
  expect(agents.map(deviceOf)).toEqual([
    ...[
      'Firefox on Linux',
      'Edge on Windows',
      'Chrome on Android',
      'Safari on iPhone',
      'curl/8.5.0',
      'unknown',
    ],
  ]);
});
