import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isMain, root } from '../lib/files.mjs';

const file = 'packages/client/openapi.json';
const source = join(root, 'packages/api/dist/http/open-api.js');

/** The document that clients are made from is what the console answers. */
export async function checkApiDocument() {
  const path = join(root, file);
  const isSame = existsSync(path) && readFileSync(path, 'utf8') === (await documentText());
  const output = `${file} is not what the API says of itself: run "node scripts/checks/api-document.mjs", which writes it`;
  return { ok: isSame, output: isSame ? '' : output };
}

async function documentText() {
  const { openApiDocument } = await import(pathToFileURL(source).href);
  return `${JSON.stringify(openApiDocument('https://quantadb.example.com'), null, 1)}\n`;
}

if (isMain(import.meta.url)) writeFileSync(join(root, file), await documentText());
