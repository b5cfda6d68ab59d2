import type { EnginePlace } from '../../engine.ts';

/**
 * What a program is started with so that it gives way to everything else (pure). Each executes the next one in its own place.
 *
 * Where the kernel groups processes by session (`sched_autogroup_enabled`, sched(7)), niceness counts within a session only, and
 * every process of PostgreSQL has one of its own: without more ado a backup gets as much of the processor as any of them, however
 * nice it is. So it has a session of its own too, whose niceness is that of the processes. Where the kernel does not group,
 * there is no such file.
 */
export function gently({ nice, ioPriority }: NonNullable<EnginePlace['manners']>): string[] {
  const io = ioPriority === 'idle' ? ['-c', '3'] : ['-c', '2', '-n', String(ioPriority)];
  const niceSession = '{ echo "$0" > /proc/self/autogroup; } 2> /dev/null; exec "$@"';
  return [
    ...['/usr/bin/setsid', '--wait', '/bin/sh', '-c', niceSession, String(nice)],
    ...['/usr/bin/nice', '-n', String(nice), '/usr/bin/ionice', ...io],
  ];
}
