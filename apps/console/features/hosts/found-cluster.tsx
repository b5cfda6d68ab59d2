'use client';

import { Failed } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { TextField } from '@quantadb/ui/primitives/field';
import { useMutation } from '@tanstack/react-query';
import Link from 'next/link';
import { type FormEvent, useState } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { PlanReview } from '../operations/plan-review.tsx';

interface Wanted {
  host: string;
  cluster: string;
  role: string | null;
  networks: string[];
}

/** Form → plan → confirm → the password, told once. */
export function FoundCluster({ host, onClose }: { host: string; onClose(): void }) {
  const trpc = useTRPC();
  const [wanted, setWanted] = useState<Wanted | null>(null);
  const plan = useMutation(trpc.founding.plan.mutationOptions());
  const start = useMutation(trpc.founding.start.mutationOptions());
  const ask = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const text = (name: string) => String(form.get(name) ?? '').trim();
    const networks = text('networks')
      .split(/[\s,]+/)
      .filter((each) => each !== '');
    const founding = { host, cluster: text('cluster'), role: text('role') || null, networks };
    setWanted(founding);
    plan.mutate(founding);
  };
  if (start.data && wanted) return <Founded wanted={wanted} founded={start.data} onClose={onClose} />;
  const isReady = plan.data !== undefined && plan.data.refusal === null && wanted !== null;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Found a cluster on ${host}`}
      description="It begins with this host alone; the others are added to it afterwards, by a click each."
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            tone="primary"
            disabled={!isReady}
            isBusy={start.isPending}
            onClick={() => wanted && start.mutate({ ...wanted, planHash: plan.data?.hash ?? '' })}
          >
            Found the cluster
          </Button>
        </>
      }
    >
      <form className="flex flex-col gap-3" onSubmit={ask} onChange={() => plan.reset()}>
        <TextField
          label="Name of the cluster"
          name="cluster"
          required
          pattern="[a-z][a-z0-9\-]{0,39}"
          hint="Lower-case letters, digits and dashes."
        />
        <TextField
          label="Role of the application"
          name="role"
          pattern="[a-z][a-z0-9\-]{0,39}"
          hint="It gets a database of the same name. Empty: none is made."
        />
        <TextField
          label="Networks that clients come from"
          name="networks"
          placeholder="10.0.0.0/8"
          hint="Separated by spaces. Empty: this host only."
        />
        <div>
          <Button type="submit" isBusy={plan.isPending}>
            Plan
          </Button>
        </div>
      </form>
      {plan.error ? <Failed {...problemOf(plan.error)} /> : null}
      {plan.data ? <PlanReview plan={plan.data} /> : null}
      {start.error ? <Failed {...problemOf(start.error)} /> : null}
    </Dialog>
  );
}

function Founded({
  wanted,
  founded,
  onClose,
}: {
  wanted: Wanted;
  founded: { operationId: string; password: string | null };
  onClose(): void;
}) {
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`${wanted.cluster} is being founded`}
      description={
        founded.password
          ? `The password of ${wanted.role} is shown this once, and kept nowhere. Copy it now.`
          : 'Add the other hosts to it once it is open.'
      }
      footer={<Button onClick={onClose}>Close</Button>}
    >
      {founded.password ? (
        <pre className="whitespace-pre-wrap break-all rounded-md bg-muted-soft p-3 font-mono text-xs">
          {founded.password}
        </pre>
      ) : null}
      <Link className="text-accent text-sm underline" href={`/operations/${founded.operationId}`}>
        Follow it
      </Link>
    </Dialog>
  );
}
