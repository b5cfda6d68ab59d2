import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';

// What the client knows of the API is what the document beside this file says, and nothing else. `npm run check` compares
// that document with the one that the console answers.
const document = JSON.parse(readFileSync(new URL('openapi.json', import.meta.url), 'utf8'));
// A field with a default may be left out of a request.
const types = await openapiTS(document, { defaultNonNullable: false });
const directory = new URL('src/generated/', import.meta.url);
mkdirSync(directory, { recursive: true });
writeFileSync(new URL('api.ts', directory), astToString(types));
