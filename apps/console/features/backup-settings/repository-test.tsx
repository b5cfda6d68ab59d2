import { Failed } from '@quantadb/ui/patterns/states';
import { Status } from '@quantadb/ui/patterns/status';
import { Button } from '@quantadb/ui/primitives/button';
import { useMutation } from '@tanstack/react-query';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { type Draft, testOf } from './draft.ts';

/** Every data node tries the place before anything is set: what it could not do there, and what to do about it. */
export function RepositoryTest({
  clusterId,
  draft,
  number,
}: {
  clusterId: string;
  draft: Draft;
  number: number;
}) {
  const trpc = useTRPC();
  const test = useMutation(trpc.backups.tryRepository.mutationOptions());
  const named = testOf(draft);
  const wanted = named && { ...named, ...(number === 1 ? {} : { number }) };
  const isOfThis = JSON.stringify(test.variables) === JSON.stringify({ clusterId, ...wanted });
  const nodes = isOfThis ? (test.data?.nodes ?? []) : [];
  if (draft.place === 'host') return <TriedWhenSet />;
  return (
    <div className="mt-4 flex flex-col gap-3 border-line border-t pt-4">
      <div className="flex flex-wrap items-center gap-3">
        <Button
          disabled={wanted === null}
          isBusy={test.isPending}
          onClick={() => wanted && test.mutate({ clusterId, ...wanted })}
        >
          Test from every node
        </Button>
        <span className="text-ink-faint text-xs">
          Each data node writes a small file there, reads it and deletes it. Nothing is set.
        </span>
      </div>
      {test.error ? <Failed {...problemOf(test.error)} /> : null}
      {nodes.length > 0 ? (
        <ul
          aria-live="polite"
          aria-label="What each node found"
          className="flex flex-col gap-2 text-[0.8125rem]"
        >
          {nodes.map(({ node, ok, detail, hint }) => (
            <li key={node} className="flex flex-wrap items-baseline gap-x-3 gap-y-1">
              <Status tone={ok ? 'good' : 'critical'}>
                {`${node}: ${ok ? 'writes, reads and deletes' : 'cannot use it'}`}
              </Status>
              {ok ? null : (
                <span className="min-w-0 break-words text-ink-soft">
                  {detail} {hint}
                </span>
              )}
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}

/** Who reaches whom is told by servers that run for it only. */
function TriedWhenSet() {
  return (
    <p className="mt-4 border-line border-t pt-4 text-[0.8125rem] text-ink-soft">
      It is tried when it is set: every node writes and reads through it before anything is agreed on, and
      nothing changes when one of them cannot.
    </p>
  );
}
