'use client';

import { Failed, Loading } from '@quantadb/ui/patterns/states';
import { TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import { type ApiDocument, curlOf, type Listed, operationsByTag, schemaIn, shapeOf } from './document.ts';

const address = '/api/v1/openapi.json';

async function fetchDocument(): Promise<ApiDocument> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`the console answered with status ${response.status}`);
  return response.json();
}

/** The REST API as the server itself describes it, and what its error codes mean. */
export function ApiPage() {
  const api = useQuery({ queryKey: ['openapi'], queryFn: fetchDocument });
  const [search, setSearch] = useState('');
  const isThere = api.data !== undefined;
  useEffect(() => {
    // The page was not there yet when the browser looked for the anchor that an error's `type` names.
    if (isThere) document.getElementById(window.location.hash.slice(1))?.scrollIntoView();
  }, [isThere]);
  return (
    <>
      <h1 className="font-semibold text-xl">API</h1>
      <p className="text-ink-soft">
        Everything the console does is in its REST API. Make a token on the page “Tokens”, and send it as{' '}
        <code>Authorization: Bearer …</code>. The same as an OpenAPI 3.1 document:{' '}
        <a href={address} className="text-accent underline">
          {address}
        </a>
      </p>
      {api.isPending ? <Loading label="Loading the description" /> : null}
      {api.error ? (
        <Failed message={api.error.message} hint={null} onRetry={() => void api.refetch()} />
      ) : null}
      {api.data ? (
        <>
          <TextField
            label="Search"
            type="search"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            placeholder="switchover, POST, backups …"
          />
          {operationsByTag(api.data, search).map(([tag, operations]) => (
            <Panel key={tag} title={tag} isFlush>
              {operations.map((operation) => (
                <OperationRow key={operation.operationId} {...{ operation, api: api.data }} />
              ))}
            </Panel>
          ))}
          <ErrorCodes codes={api.data['x-error-codes']} />
        </>
      ) : null}
    </>
  );
}

function OperationRow({ operation, api }: { operation: Listed; api: ApiDocument }) {
  const { method, path, summary, parameters = [], requestBody, responses } = operation;
  const [isOpen, setOpen] = useState(false);
  return (
    <details
      className="border-line border-b px-4 py-2 last:border-b-0"
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary className="cursor-pointer">
        <code className="font-semibold text-xs">{method}</code>{' '}
        <code className="break-all text-xs">{path}</code> <span className="text-ink-soft">{summary}</span>
      </summary>
      {isOpen ? (
        <div className="flex flex-col gap-3 py-3">
          {parameters.length > 0 ? (
            <Part title="Parameters">
              {parameters
                .map(({ name, in: place, required, schema }) => {
                  return `${name}${required ? '' : '?'}: ${shapeOf(schema, api)}  (${place})`;
                })
                .join('\n')}
            </Part>
          ) : null}
          {requestBody ? <Part title="Body">{shapeOf(schemaIn(requestBody), api)}</Part> : null}
          <Part title="Answer">{shapeOf(schemaIn(responses['200']), api)}</Part>
          <Part title="By curl">{curlOf(operation, api.servers[0]?.url ?? '')}</Part>
        </div>
      ) : null}
    </details>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <h3 className="font-medium text-ink-soft text-xs">{title}</h3>
      <pre className="mt-1 whitespace-pre-wrap break-words rounded-md bg-muted-soft p-3 font-mono text-xs">
        <code>{children}</code>
      </pre>
    </section>
  );
}

function ErrorCodes({ codes }: { codes: ApiDocument['x-error-codes'] }) {
  return (
    <Panel title="Error codes">
      <dl className="flex flex-col gap-4">
        {Object.entries(codes).map(([code, { title, meaning, nextStep }]) => (
          <div key={code} id={code} className="scroll-mt-20">
            <dt>
              <code className="font-semibold text-xs">{code}</code>{' '}
              <span className="text-ink-soft">{title}</span>
            </dt>
            <dd>{meaning}</dd>
            <dd className="text-ink-soft">{nextStep}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}
