import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../shared/errors.ts';
import type { Logger } from '../../shared/logger.ts';
import type { WorkerHello } from './messages.ts';
import { callAtDoor, type FoundWorker } from './worker-channel.ts';
import { doorEnding } from './worker-door.ts';

/** More than any number of daemons leaves. */
const doorsMax = 256;

/** What a former daemon of this host has left running. It hears from now on what this one says. */
export async function findWorkers(directory: string, logger: Logger): Promise<FoundWorker[]> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const doors = (await readdir(directory)).filter((name) => name.endsWith(doorEnding));
    const found = await Promise.all(
      doors.slice(0, doorsMax).map((name) => callAtDoor(join(directory, name))),
    );
    return found.filter((each) => each !== null);
  } catch (error) {
    logger.warn({ error: messageOf(error) }, 'routers of a former daemon cannot be looked for');
    return [];
  }
}

/**
 * Which of the workers that a former daemon has left go on as this router, by place; null: others have to take their port, because
 * they run another release, were asked for other things, or one is missing (pure).
 */
export function heirsOf<Found extends { hello: WorkerHello }>(
  found: readonly Found[],
  wanted: { likeness: string; count: number },
): Found[] | null {
  const alike = found.filter(({ hello }) => hello.isOpen && hello.likeness === wanted.likeness);
  const heirs = Array.from({ length: wanted.count }, (_, index) =>
    alike.find(({ hello }) => hello.place.index === index && hello.place.count === wanted.count),
  );
  return heirs.every((each) => each !== undefined) ? heirs : null;
}
