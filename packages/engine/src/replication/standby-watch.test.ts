import { describe, expect, it } from 'vitest';
import { StandbyWatch } from './standby-watch.ts';

const lsnAt = (second: number) => `0/${(0x1000 + second).toString(16).toUpperCase()}`;

/** A primary that writes all the time, seen once a second. */
class Scene {
  readonly watch = new StandbyWatch();
  second = 0;
  epoch = 1;

  /** @param lags of each standby in seconds of WAL; null: it is not connected and holds nothing new */
  run(seconds: number, lags: Record<string, number | null>): void {
    for (let count = 0; count < seconds; count += 1) {
      this.second += 1;
      const standbys = Object.entries(lags).map(([name, lag]) => ({
        name,
        state: lag === null ? 'disconnected' : 'streaming',
        sync: 'quorum',
        writeLsn: null,
        flushLsn: lag === null ? '0/1' : lsnAt(Math.max(0, this.second - lag)),
        replayLsn: null,
        lagBytes: null,
        lagMs: null,
      }));
      const { second, epoch } = this;
      const names = Object.keys(lags);
      this.watch.observe({ atMs: second * 1000, epoch, lsn: lsnAt(second), names, standbys });
    }
  }
}

describe('who keeps up with the primary', () => {
  it('may be waited for after some seconds, not at once', () => {
    const scene = new Scene();
    scene.run(1, { b: 0 });
    expect(scene.watch.mayEnter('b')).toBe(false);
    scene.run(3, { b: 0 });
    expect(scene.watch.mayEnter('b')).toBe(true);
    expect(scene.watch.mayEnter('unknown')).toBe(false);
  });

  it('counts how long a standby that is gone, or streams too slowly, has confirmed nothing', () => {
    const scene = new Scene();
    scene.run(5, { b: 0, c: 0, d: 1 });
    scene.run(10, { b: null, c: 60, d: 1 });
    expect(scene.watch.silentForMs('b')).toBeGreaterThanOrEqual(10_000);
    expect(scene.watch.silentForMs('c')).toBeGreaterThanOrEqual(10_000);
    expect(scene.watch.silentForMs('d')).toBeLessThan(4000);
    expect(['b', 'c', 'd'].map((name) => scene.watch.isWell(name))).toEqual([false, false, true]);
  });

  it('lets a standby that was dropped prove itself for twice as long each time, and no longer than five minutes', () => {
    const scene = new Scene();
    const secondsUntilWell = () => {
      scene.watch.dropped('b');
      const from = scene.second;
      while (!scene.watch.mayEnter('b')) scene.run(1, { b: 0 });
      return scene.second - from;
    };
    scene.run(5, { b: 0 });
    const needed = [1, 2, 3].map(secondsUntilWell);
    expect(needed).toEqual([3, 5, 9]);
    for (let drop = 0; drop < 10; drop += 1) scene.watch.dropped('b');
    expect(secondsUntilWell()).toBe(301);
    expect(scene.watch.neededMs('b')).toBe(300_000);
    scene.run(700, { b: 0 });
    expect(secondsUntilWell()).toBe(3);
  });

  it('holds nothing against a standby when nobody looked for a while, or another primary reigns', () => {
    const scene = new Scene();
    scene.run(5, { b: 0 });
    scene.second += 30;
    scene.run(1, { b: null });
    expect(scene.watch.silentForMs('b')).toBe(0);
    scene.run(8, { b: null });
    expect(scene.watch.silentForMs('b')).toBe(8000);
    scene.epoch = 2;
    scene.run(1, { b: null });
    expect(scene.watch.silentForMs('b')).toBe(0);
  });
});
