import { Failed } from '@quantadb/ui/patterns/states';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { useQuery } from '@tanstack/react-query';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import type { Draft } from './draft.ts';
import { holdersOf } from './holders.ts';

/** Which of the hosts keeps the repository on its disk, and where the others reach it. */
export function HolderFields({
  clusterId,
  draft,
  onChange,
}: {
  clusterId: string;
  draft: Draft;
  onChange(changes: Partial<Draft>): void;
}) {
  const trpc = useTRPC();
  const stored = useQuery(trpc.clusters.get.queryOptions({ clusterId }));
  const holders = holdersOf(stored.data?.status?.nodes ?? [], draft.host);
  return (
    <>
      <SelectField
        label="Host"
        value={draft.host}
        hint="When that host or its disk is lost, this repository is lost with it. A host without data is safest."
        onChange={(event) => onChange({ host: event.target.value })}
      >
        <option value="" disabled>
          {stored.isPending ? 'reading which there are…' : 'choose one'}
        </option>
        {holders.map(({ name, words }) => (
          <option key={name} value={name}>
            {words}
          </option>
        ))}
      </SelectField>
      <TextField
        label="Port"
        value={draft.port}
        inputMode="numeric"
        hint="Every node that has data reaches that host here, and that host reaches each of them."
        onChange={(event) => onChange({ port: event.target.value })}
      />
      {stored.error ? <Failed {...problemOf(stored.error)} onRetry={() => void stored.refetch()} /> : null}
    </>
  );
}
