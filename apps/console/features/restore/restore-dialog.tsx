import { Failed, Loading } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { TextArea, TextField } from '@quantadb/ui/primitives/field';
import { useMutation } from '@tanstack/react-query';
import { useRouter } from 'next/navigation';
import { useEffect, useState } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { PlanReview } from '../operations/plan-review.tsx';
import { PlanFacts, Refused } from './answer.tsx';
import type { Wanted } from './destination.tsx';

interface RestoreDialogProps {
  clusterId: string;
  wanted: Wanted;
  onClose(): void;
}

/** The last look before a host is filled with data: the plan, the name typed again, a reason. */
export function RestoreDialog({ clusterId, wanted, onClose }: RestoreDialogProps) {
  const trpc = useTRPC();
  const router = useRouter();
  const [typed, setTyped] = useState('');
  const [reason, setReason] = useState('');
  const plan = useMutation(trpc.restores.plan.mutationOptions());
  const start = useMutation(trpc.restores.start.mutationOptions());
  const { mutate: makePlan } = plan;
  useEffect(() => makePlan({ clusterId, ...wanted }), [makePlan, clusterId, wanted]);
  const found = plan.data?.plan ?? null;
  const canRun = found !== null && found.refusal === null && typed === wanted.cluster && reason.trim() !== '';
  const run = async () => {
    const { operationId } = await start.mutateAsync({
      ...{ clusterId, ...wanted, planHash: found?.hash ?? '', reason },
    });
    router.push(`/operations/${operationId}`);
  };
  const problem = plan.error ?? start.error;
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Restore into ${wanted.cluster} on ${wanted.host}`}
      footer={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            tone="danger"
            disabled={!canRun}
            isBusy={start.isPending}
            onClick={() => void run().catch(() => undefined)}
          >
            Restore
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        {plan.isPending ? <Loading label="Planning" /> : null}
        {plan.data && !plan.data.planning.ok ? (
          <Refused refusal={plan.data.planning.refusal} onAsk={onClose} />
        ) : null}
        {plan.data?.planning.ok ? <PlanFacts plan={plan.data.planning.plan} /> : null}
        {found ? <PlanReview plan={found} /> : null}
        {problem ? (
          <Failed {...problemOf(problem)} onRetry={() => makePlan({ clusterId, ...wanted })} />
        ) : null}
        <TextField
          label={`Type ${wanted.cluster} to confirm`}
          value={typed}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setTyped(event.target.value)}
        />
        <TextArea
          label="Reason (required, for the audit log)"
          value={reason}
          maxLength={500}
          onChange={(event) => setReason(event.target.value)}
        />
      </div>
    </Dialog>
  );
}
