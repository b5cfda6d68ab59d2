import { readFile } from 'node:fs/promises';
import { Daemon } from './daemon.ts';
import { type HostConfig, loadHostConfig } from './host-config.ts';
import { openOwnLog, ownLogFile } from './own-log.ts';

/** `node main.js <path of host.json>`: one daemon in the foreground. SIGTERM ends it and leaves PostgreSQL running. */
async function main(): Promise<void> {
  const path = process.argv[2];
  if (!path) throw new Error('usage: main.js <path of host.json>');
  const config = await loadHostConfig(path);
  const { logger, flush } = openOwnLog({
    level: config.logLevel,
    base: { node: config.name },
    file: ownLogFile(config.stateDir),
  });
  const end = (code: number, why: string) => {
    logger.info({ code, why }, 'the daemon ends');
    flush();
    process.exit(code);
  };
  process.on('uncaughtException', (error) => {
    logger.error({ error: error.message, stack: error.stack }, 'an error nobody handled');
    end(1, 'an error nobody handled');
  });
  // The terminal's Ctrl-C reaches every process of its group; only the supervisor decides what it means.
  process.on('SIGINT', () => logger.debug({}, 'SIGINT is ignored'));
  process.on('SIGHUP', () => logger.debug({}, 'SIGHUP is ignored'));
  const daemon = await Daemon.start({
    config,
    configFile: path,
    tls: await readTls(config),
    logger,
    onEnd: (code, why) => end(code, why),
  });
  process.on('SIGTERM', () => void daemon.end('leave', 'SIGTERM'));
}

async function readTls(config: HostConfig): Promise<{ ca: string; cert: string; key: string }> {
  const [ca, cert, key] = await Promise.all(
    [config.tls.ca, config.tls.cert, config.tls.key].map((path) => readFile(path, 'utf8')),
  );
  return { ca: ca ?? '', cert: cert ?? '', key: key ?? '' };
}

main().catch((error: unknown) => {
  const { message, hint } = error as { message?: string; hint?: string };
  process.stderr.write(`${JSON.stringify({ level: 'fatal', message: message ?? String(error), hint })}\n`);
  process.exitCode = 1;
});
