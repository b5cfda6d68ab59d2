import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { configFromEnvironment } from '@quantadb/api/config';
import { ControlPlane } from '@quantadb/api/control-plane';
import { commonHeaders, newNonce, pagePolicy } from '@quantadb/api/http/security-headers';
import next from 'next';
import { pino } from 'pino';

// Next is CommonJS whose module is the function itself; its types describe it as an object with a default.
const createPages = next as unknown as typeof next.default;

/** One process, one port: pages by Next, everything else by the control plane. */
async function main(): Promise<void> {
  const logger = pino({ level: process.env.QUANTADB_LOG_LEVEL ?? 'info', base: { part: 'console' } });
  const port = Number(process.env.QUANTADB_CONSOLE_PORT ?? 3000);
  const hostname = process.env.QUANTADB_CONSOLE_LISTEN ?? '127.0.0.1';
  const config = { ...configFromEnvironment(process.env), logger };
  const dir = fileURLToPath(new URL('..', import.meta.url));
  const server = createServer();
  const pages = createPages({ dev: false, dir, hostname, port, httpServer: server });
  await pages.prepare();
  const handlePage = pages.getRequestHandler();
  const controlPlane = await ControlPlane.open(config, server);
  server.on('request', (request, response) => {
    if (controlPlane.handle(request, response)) return;
    protect(request, response, config.publicUrl);
    handlePage(request, response).catch((error: unknown) => {
      logger.error({ error: error instanceof Error ? error.message : String(error) }, 'a page failed');
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, hostname, resolve);
  });
  logger.info({ url: config.publicUrl, port }, 'the console is up');
  const setupUrl = await controlPlane.setupUrl();
  if (setupUrl)
    logger.warn({ setupUrl }, 'nobody may sign in yet: open this address to make the first administrator');
  const end = () => {
    logger.info({}, 'the console ends');
    void controlPlane.close().finally(() => process.exit(0));
  };
  process.once('SIGTERM', end);
  process.on('SIGINT', () => undefined);
}

/** Next finds the nonce for its scripts in the request's policy; the layout reads it for the theme's. */
function protect(request: IncomingMessage, response: ServerResponse, publicUrl: string): void {
  const nonce = newNonce();
  const policy = pagePolicy(publicUrl, nonce);
  request.headers['content-security-policy'] = policy;
  request.headers['x-nonce'] = nonce;
  const headers = { ...commonHeaders(publicUrl), 'content-security-policy': policy };
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}

main().catch((error: unknown) => {
  const { message, hint } = error as { message?: string; hint?: string };
  process.stderr.write(`${JSON.stringify({ level: 'fatal', message: message ?? String(error), hint })}\n`);
  process.exit(1);
});
