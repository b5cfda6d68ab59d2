import { createHash, createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';

/**
 * An object store for tests: as much of S3 as pgBackRest asks of one, in memory, over TLS, and no request without its
 * signature (Signature Version 4, docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html). It is written out
 * here because what Debian and npm have is a whole storage cluster (radosgw) or is no longer looked after (s3rver).
 */
export interface S3ServerOptions {
  bucket: string;
  region: string;
  key: string;
  keySecret: string;
  certPem: string;
  keyPem: string;
}

interface StoredObject {
  content: Buffer;
  atMs: number;
}

interface Asked {
  method: string;
  /** Decoded; empty for the bucket as a whole. */
  name: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

const keysPerPage = 100;
const bodyBytesMax = 64 * 1024 * 1024;

export class S3Server {
  private readonly options: S3ServerOptions;
  private readonly server: Server;
  private readonly objects = new Map<string, StoredObject>();
  private readonly uploads = new Map<string, Map<number, Buffer>>();
  port = 0;
  /** Requests that were answered, by method. */
  readonly answered: Record<string, number> = {};

  private constructor(options: S3ServerOptions) {
    this.options = options;
    this.server = createServer({ cert: options.certPem, key: options.keyPem }, (request, response) => {
      void this.serve(request, response).catch((error: Error) => {
        response.writeHead(500).end(error.message);
      });
    });
  }

  static async start(options: S3ServerOptions): Promise<S3Server> {
    const started = new S3Server(options);
    started.server.listen(0, '127.0.0.1');
    await once(started.server, 'listening');
    started.port = (started.server.address() as { port: number }).port;
    return started;
  }

  names(): string[] {
    return [...this.objects.keys()].sort();
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const { status, headers = {}, body: content = '' } = this.answer(request, body);
    this.answered[request.method ?? ''] = (this.answered[request.method ?? ''] ?? 0) + 1;
    response.writeHead(status, { 'content-length': Buffer.byteLength(content), ...headers });
    response.end(request.method === 'HEAD' ? undefined : content);
  }

  private answer(request: IncomingMessage, body: Buffer): Answer {
    const refused = this.whyRefused(request, body);
    if (refused) return refusal(403, refused);
    const [path = '', queryText = ''] = (request.url ?? '').split('?');
    const [, bucket = '', ...rest] = path.split('/').map(decodeURIComponent);
    if (bucket !== this.options.bucket) return refusal(404, 'NoSuchBucket');
    const query = new URLSearchParams(queryText);
    return this.act({
      ...{ method: request.method ?? '', name: rest.join('/'), query, headers: request.headers, body },
    });
  }

  private act(asked: Asked): Answer {
    const { method, name, query } = asked;
    if (method === 'GET' && name === '') return this.list(query);
    if (method === 'POST' && query.has('delete')) return this.removeAll(asked.body);
    if (method === 'POST' && query.has('uploads')) return this.beginUpload(name);
    if (method === 'POST' && query.has('uploadId')) return this.endUpload(asked);
    if (method === 'PUT') return this.put(asked);
    if (method === 'DELETE') {
      this.objects.delete(name);
      return { status: 204 };
    }
    if (method === 'GET' || method === 'HEAD') return this.get(asked);
    return refusal(405, 'MethodNotAllowed');
  }

  /** Names below a prefix, those behind the next delimiter as one; some at a time. */
  private list(query: URLSearchParams): Answer {
    const prefix = query.get('prefix') ?? '';
    const delimiter = query.get('delimiter') ?? '';
    const after = query.get('continuation-token') ?? '';
    const entries = new Map<string, StoredObject | null>();
    for (const name of this.names()) {
      if (!name.startsWith(prefix)) continue;
      const end = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
      if (end < 0) entries.set(name, this.objects.get(name) ?? null);
      else entries.set(name.slice(0, end + 1), null);
    }
    const rest = [...entries].filter(([name]) => name > after);
    const page = rest.slice(0, keysPerPage);
    const isTruncated = rest.length > page.length;
    const contents = page.flatMap(([name, object]) =>
      object
        ? `<Contents><Key>${escaped(name)}</Key><Size>${object.content.length}</Size><LastModified>${new Date(object.atMs).toISOString()}</LastModified></Contents>`
        : `<CommonPrefixes><Prefix>${escaped(name)}</Prefix></CommonPrefixes>`,
    );
    const next = isTruncated
      ? `<NextContinuationToken>${escaped(page.at(-1)?.[0] ?? '')}</NextContinuationToken>`
      : '';
    return xml('ListBucketResult', `<IsTruncated>${isTruncated}</IsTruncated>${next}${contents.join('')}`);
  }

  private put({ name, query, body }: Asked): Answer {
    const parts = query.has('uploadId') ? this.uploads.get(query.get('uploadId') ?? '') : null;
    if (parts === undefined) return refusal(404, 'NoSuchUpload');
    if (parts) parts.set(Number(query.get('partNumber')), body);
    else this.objects.set(name, { content: body, atMs: Date.now() });
    return { status: 200, headers: { etag: etagOf(body) } };
  }

  private get({ name, headers }: Asked): Answer {
    const object = this.objects.get(name);
    if (!object) return refusal(404, 'NoSuchKey');
    const common = { 'last-modified': new Date(object.atMs).toUTCString(), etag: etagOf(object.content) };
    const range = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '');
    if (!range) return { status: 200, headers: common, body: object.content };
    const to = range[2] ? Number(range[2]) + 1 : object.content.length;
    return { status: 206, headers: common, body: object.content.subarray(Number(range[1]), to) };
  }

  private removeAll(body: Buffer): Answer {
    for (const [, name = ''] of body.toString('utf8').matchAll(/<Key>([^<]*)<\/Key>/g))
      this.objects.delete(plain(name));
    return xml('DeleteResult', '');
  }

  private beginUpload(name: string): Answer {
    const id = randomUUID();
    this.uploads.set(id, new Map());
    return xml('InitiateMultipartUploadResult', `<Key>${escaped(name)}</Key><UploadId>${id}</UploadId>`);
  }

  private endUpload({ name, query }: Asked): Answer {
    const id = query.get('uploadId') ?? '';
    const parts = this.uploads.get(id);
    if (!parts) return refusal(404, 'NoSuchUpload');
    this.uploads.delete(id);
    const inOrder = [...parts].sort(([left], [right]) => left - right).map(([, part]) => part);
    const content = Buffer.concat(inOrder);
    this.objects.set(name, { content, atMs: Date.now() });
    return xml('CompleteMultipartUploadResult', `<ETag>${etagOf(content)}</ETag>`);
  }

  /** The code of the refusal; null: it is signed by the key, and its body is the one that was signed. */
  private whyRefused(request: IncomingMessage, body: Buffer): string | null {
    const { key, keySecret, region } = this.options;
    const given =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
        request.headers.authorization ?? '',
      );
    if (!given) return 'AccessDenied';
    const [, credential = '', day = '', scope = '', signed = '', signature = ''] = given;
    if (credential !== key) return 'InvalidAccessKeyId';
    if (scope !== region) return 'AuthorizationHeaderMalformed';
    const bodyHash = createHash('sha256').update(body).digest('hex');
    if (request.headers['x-amz-content-sha256'] !== bodyHash) return 'XAmzContentSHA256Mismatch';
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const headers = signed
      .split(';')
      .map((name) => `${name}:${String(request.headers[name] ?? '').trim()}\n`);
    const canonical = [
      ...[request.method, path, query.split('&').sort().join('&'), headers.join(''), signed, bodyHash],
    ].join('\n');
    const stamp = String(request.headers['x-amz-date'] ?? '');
    const toSign = [
      ...['AWS4-HMAC-SHA256', stamp, `${day}/${region}/s3/aws4_request`],
      createHash('sha256').update(canonical).digest('hex'),
    ].join('\n');
    const steps = [day, region, 's3', 'aws4_request', toSign];
    let mac: Buffer = Buffer.from(`AWS4${keySecret}`);
    for (const step of steps) mac = createHmac('sha256', mac).update(step).digest();
    return timingSafeEqual(mac, Buffer.from(signature, 'hex')) ? null : 'SignatureDoesNotMatch';
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw new Error('the body is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function etagOf(content: Buffer): string {
  return `"${createHash('md5').update(content).digest('hex')}"`;
}

function xml(element: string, inner: string): Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<${element}>${inner}</${element}>`;
  return { status: 200, headers: { 'content-type': 'application/xml' }, body };
}

function refusal(status: number, code: string): Answer {
  return { ...xml('Error', `<Code>${code}</Code><Message>${code}</Message>`), status };
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

function plain(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&amp;', '&');
}
