import { errorCodes } from '@quantadb/engine/shared/errors';
import { releaseVersion } from '@quantadb/engine/shared/version';
import { generateOpenApiDocument } from 'trpc-to-openapi';
import { appRouter } from '../trpc/router.ts';
import { errorMeanings } from './error-meanings.ts';

const description = `Everything that the console can do. The same procedures answer TypeScript clients by tRPC.

**Who asks.** Send \`Authorization: Bearer <token>\`; tokens are made on the console's page "Tokens" or by \`quantadb token create\`.

**Errors** are problems (RFC 9457, \`application/problem+json\`): \`code\` is stable, \`hint\` says what to do next.

**Pages.** Lists that grow take \`limit\` (at most 200) and \`before\`: the id or moment that the last element of the page before has; a page with fewer
elements than \`limit\` is the last one. Other lists are answered whole.

**Sending again.** A POST that carries an \`Idempotency-Key\` (8 to 200 printable characters, a random UUID is good) happens once: for 24 hours the same
key with the same request gets the first answer again, marked \`Idempotent-Replayed: true\`; with another request it is refused (409).

**Limits.** Every person, token and address has a limit of requests per minute and console; beyond it the answer is 429 with \`Retry-After\` in seconds.

**Caches.** Answers to GET carry an \`ETag\`; with \`If-None-Match\` an unchanged one is 304 without a body.`;

const problem = {
  description: 'What went wrong, as a problem (RFC 9457)',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

const problemSchema = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail', 'code', 'instance'],
  properties: {
    type: { type: 'string', format: 'uri', description: 'A page that explains the code.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What happened.' },
    code: { type: 'string', enum: [...errorCodes], description: 'Does not change between releases.' },
    hint: { type: ['string', 'null'], description: 'What to do next.' },
    instance: { type: 'string', description: 'The path that was asked for.' },
    message: { type: 'string', deprecated: true, description: 'The same as detail.' },
    issues: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'message'],
        properties: { path: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
  examples: [
    {
      type: 'https://quantadb.example.com/api-docs#REFUSED',
      title: 'Refused in this state',
      status: 409,
      detail: 'node-2 is 41 MB behind',
      code: 'REFUSED',
      hint: 'Choose another node, or wait until it has caught up.',
      instance: '/api/v1/clusters/6a2f0f1e-7d4b-4f0e-9f5e-0d9f3c1b2a10/operations',
      message: 'node-2 is 41 MB behind',
    },
  ],
};

const keyParameter = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The request happens once, however often it is sent with this key within 24 hours.',
  schema: { type: 'string', minLength: 8, maxLength: 200 },
  example: '0f6b6c1e-8a53-4b5e-9b7e-2f1d3c4b5a69',
};

interface Operation {
  parameters?: unknown[];
  responses: Record<string, unknown>;
  security?: unknown[];
}

/** The OpenAPI 3.1 document of the REST API. */
export function openApiDocument(publicUrl: string): Record<string, unknown> {
  const origin = publicUrl.replace(/\/$/, '');
  const generated = generateOpenApiDocument(appRouter, {
    ...{ title: 'QuantaDB', version: releaseVersion, openApiVersion: '3.1.0' },
    ...{ baseUrl: `${origin}/api/v1`, description },
    securitySchemes: {
      token: { type: 'http', scheme: 'bearer', description: 'An API token: qdb_api_…' },
      session: { type: 'apiKey', in: 'cookie', name: cookieName(publicUrl) },
    },
  });
  // The generator shares parts between documents: what is changed here is a copy.
  const document = structuredClone(generated) as unknown as {
    info: Record<string, unknown>;
    paths: Record<string, Record<string, Operation>>;
    components: { schemas?: Record<string, unknown>; responses?: Record<string, unknown> };
  };
  document.info.license = { name: 'Apache-2.0', identifier: 'Apache-2.0' };
  for (const methods of Object.values(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) withHttp(method, operation);
  }
  const schemas = Object.entries(document.components.schemas ?? {});
  const own = schemas.filter(([name]) => !name.startsWith('error.'));
  document.components.schemas = { ...Object.fromEntries(own), Problem: problemSchema };
  document.components.responses = { Problem: problem, RateLimited: rateLimited() };
  return { ...document, 'x-error-codes': errorMeanings };
}

/** What HTTP adds to every procedure. */
function withHttp(method: string, operation: Operation): void {
  const success = operation.responses['200'];
  const etag = { description: 'Changes with the answer.', schema: { type: 'string' } };
  const isRead = method === 'get';
  operation.responses = {
    '200': isRead ? { ...(success as object), headers: { ETag: etag } } : success,
    ...(isRead ? { '304': { description: 'Unchanged since the answer with this ETag' } } : {}),
    '429': { $ref: '#/components/responses/RateLimited' },
    default: { $ref: '#/components/responses/Problem' },
  };
  if (method === 'post' && operation.security)
    operation.parameters = [...(operation.parameters ?? []), keyParameter];
}

function rateLimited() {
  const retryAfter = { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 } };
  return { ...problem, description: 'Too many requests', headers: { 'Retry-After': retryAfter } };
}

function cookieName(publicUrl: string): string {
  return publicUrl.startsWith('https:') ? '__Secure-quantadb.session_token' : 'quantadb.session_token';
}
