/** What of an OpenAPI document is shown (pure). */

export interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  description?: string;
}

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
}

interface Content {
  content?: Record<string, { schema?: Schema }>;
}

export interface Operation {
  operationId: string;
  summary?: string;
  tags?: string[];
  security?: unknown[];
  parameters?: Parameter[];
  requestBody?: Content;
  responses: Record<string, Content>;
}

export interface ApiDocument {
  info: { title: string; version: string };
  servers: { url: string }[];
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
  'x-error-codes': Record<string, { title: string; meaning: string; nextStep: string }>;
}

export interface Listed extends Operation {
  method: string;
  path: string;
}

/** The operations by their first tag, in the order of the document. */
export function operationsByTag(document: ApiDocument, search: string): [tag: string, Listed[]][] {
  const groups = new Map<string, Listed[]>();
  const wanted = search.trim().toLowerCase();
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [name, operation] of Object.entries(methods)) {
      const method = name.toUpperCase();
      const text = `${method} ${path} ${operation.summary ?? ''}`.toLowerCase();
      if (!text.includes(wanted)) continue;
      const tag = operation.tags?.[0] ?? 'other';
      groups.set(tag, [...(groups.get(tag) ?? []), { ...operation, method, path }]);
    }
  }
  return [...groups].sort(([left], [right]) => left.localeCompare(right));
}

const depthMax = 8;

/** A schema as a type one can read: `{ name: string, limit?: 1 | 2 }`. */
export function shapeOf(schema: Schema | undefined, document: ApiDocument, depth = 0): string {
  if (!schema) return 'nothing';
  if (depth > depthMax) return '…';
  const below = (each: Schema | undefined) => shapeOf(each, document, depth + 1);
  if (schema.$ref) {
    const named = document.components?.schemas?.[schema.$ref.split('/').at(-1) ?? ''];
    return named ? below(named) : 'anything';
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(' | ');
  const either = schema.anyOf ?? schema.oneOf;
  if (either) return [...new Set(either.map(below))].join(' | ');
  if (schema.allOf) return schema.allOf.map(below).join(' & ');
  if (schema.properties) return recordOf(schema, (each) => below(each), depth);
  if (schema.items) return `${grouped(below(schema.items))}[]`;
  if (typeof schema.additionalProperties === 'object')
    return `{ [name]: ${below(schema.additionalProperties)} }`;
  const { type } = schema;
  return Array.isArray(type) ? type.join(' | ') : (type ?? 'anything');
}

function recordOf(schema: Schema, below: (each: Schema) => string, depth: number): string {
  const indent = '  '.repeat(depth + 1);
  const fields = Object.entries(schema.properties ?? {}).map(([name, each]) => {
    const mark = schema.required?.includes(name) ? '' : '?';
    return `${indent}${name}${mark}: ${below(each)}`;
  });
  return fields.length === 0 ? '{}' : `{\n${fields.join('\n')}\n${'  '.repeat(depth)}}`;
}

function grouped(shape: string): string {
  return shape.includes(' | ') && !shape.startsWith('{') ? `(${shape})` : shape;
}

export function schemaIn(content: Content | undefined): Schema | undefined {
  return content?.content?.['application/json']?.schema;
}

/** The command that asks for it. */
export function curlOf({ method, path, requestBody, security }: Listed, url: string): string {
  const verb = method === 'GET' ? '' : ` -X ${method}`;
  const token = security ? ' \\\n  -H "Authorization: Bearer $QUANTADB_TOKEN"' : '';
  const body = requestBody ? " \\\n  -H 'Content-Type: application/json' -d '{ … }'" : '';
  return `curl${verb} '${url}${path}'${token}${body}`;
}
