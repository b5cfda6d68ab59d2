'use client';

import { Failed } from '@quantadb/ui/patterns/states';
import { Badge } from '@quantadb/ui/patterns/status';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { TextField } from '@quantadb/ui/primitives/field';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { useMay } from '../shell/me.ts';

/** Whether the cluster is kept from what would lose its data; an administrator changes it, with a reason. */
export function Protection({ clusterId, name }: { clusterId: string; name: string }) {
  const trpc = useTRPC();
  const may = useMay();
  const [isOpen, setOpen] = useState(false);
  const protection = useQuery(trpc.protection.get.queryOptions({ clusterId }));
  if (!protection.data) return null;
  const { isProtected } = protection.data;
  if (!isProtected && !may.administer) return null;
  return (
    <div className="flex flex-wrap items-center gap-2">
      {isProtected ? <Badge tone="good">protected from loss of data</Badge> : null}
      {may.administer ? (
        <Button onClick={() => setOpen(true)}>
          {isProtected ? 'Take the protection off' : 'Protect from loss of data'}
        </Button>
      ) : null}
      {isOpen ? (
        <ChangeProtection {...{ clusterId, name, isProtected }} onClose={() => setOpen(false)} />
      ) : null}
    </div>
  );
}

function ChangeProtection(props: { clusterId: string; name: string; isProtected: boolean; onClose(): void }) {
  const { clusterId, name, isProtected, onClose } = props;
  const trpc = useTRPC();
  const queries = useQueryClient();
  const set = useMutation(
    trpc.protection.set.mutationOptions({
      onSuccess: () => {
        void queries.invalidateQueries({ queryKey: trpc.protection.get.queryKey({ clusterId }) });
        onClose();
      },
    }),
  );
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget).get('reason'));
    set.mutate({ clusterId, isProtected: !isProtected, reason });
  };
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={isProtected ? `Take the protection of ${name} off` : `Protect ${name}`}
    >
      <form onSubmit={submit} className="flex flex-col gap-4">
        <p>
          {isProtected
            ? 'A restore in place and the removal of the last node with data can be asked for again.'
            : 'The console and its API then refuse a restore in place and the removal of the last node with data, until an administrator takes this off. Commands on a host itself are not refused.'}
        </p>
        <TextField label="Reason" name="reason" minLength={3} maxLength={500} required autoFocus />
        {set.error ? <Failed {...problemOf(set.error)} /> : null}
        <Button tone={isProtected ? 'danger' : 'primary'} type="submit" isBusy={set.isPending}>
          {isProtected ? 'Take it off' : 'Protect it'}
        </Button>
      </form>
    </Dialog>
  );
}
