'use client';

import { Failed, Loading } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { SelectField, TextArea } from '@quantadb/ui/primitives/field';
import { useMutation } from '@tanstack/react-query';
import Link from 'next/link';
import { useEffect, useState } from 'react';
import { toast } from 'sonner';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { ApplyDelay } from './apply-delay.tsx';
import { BeginsAt } from './begins-at.tsx';
import { CommandLine } from './command-line.tsx';
import { commandOf, type Intent, tiers, titleOf } from './intent.ts';
import { PlanReview } from './plan-review.tsx';
import { Promotion, wordToType } from './promotion.tsx';

/** Form → plan → review → run. What is shown is what the cluster will check again before it starts. */
export function OperationDialog({
  clusterId,
  intent: wanted,
  clusterName,
  onStarted,
  onClose,
}: {
  clusterId: string;
  intent: Intent;
  /** Of what has to be confirmed by typing it. */
  clusterName?: string;
  onStarted?(): void;
  onClose(): void;
}) {
  const trpc = useTRPC();
  const [intent, setIntent] = useState(wanted);
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const plan = useMutation(trpc.operations.plan.mutationOptions());
  const start = useMutation(trpc.operations.start.mutationOptions());
  const { mutate: makePlan } = plan;
  const problem = plan.error ?? start.error;
  useEffect(() => makePlan({ clusterId, intent }), [makePlan, clusterId, intent]);
  const needsReason = tiers[intent.kind] === 'disruptive';
  const run = async () => {
    if (!plan.data) return;
    const { operationId } = await start.mutateAsync({ clusterId, intent, planHash: plan.data.hash, reason });
    toast.success(`${titleOf(intent)}: started`, {
      action: <Link href={`/operations/${operationId}`}>Follow it</Link>,
    });
    onStarted?.();
    onClose();
  };
  const word = wordToType(intent, clusterName);
  const isConfirmed = typed === word && (!needsReason || reason.trim() !== '');
  const canRun = plan.data && plan.data.refusal === null && isConfirmed;
  const footer = (
    <>
      <Button onClick={onClose}>Cancel</Button>
      <Button
        tone={needsReason ? 'danger' : 'primary'}
        disabled={!canRun}
        isBusy={start.isPending}
        onClick={() => void run().catch(() => undefined)}
      >
        {titleOf(intent)}
      </Button>
    </>
  );
  return (
    <Dialog isOpen onClose={onClose} title={titleOf(intent)} footer={footer}>
      <div className="flex flex-col gap-4">
        <MaintenanceEnd intent={intent} onChange={setIntent} />
        <ApplyDelay intent={intent} onChange={setIntent} />
        <BeginsAt wanted={wanted} onChange={setIntent} />
        <Promotion {...{ intent, word, typed, onChange: setIntent, onType: setTyped }} />
        {plan.isPending ? <Loading label="Planning" /> : null}
        {plan.data ? <PlanReview plan={plan.data} /> : null}
        {problem ? <Failed {...problemOf(problem)} onRetry={() => makePlan({ clusterId, intent })} /> : null}
        <TextArea
          label={needsReason ? 'Reason (required, for the audit log)' : 'Reason (optional)'}
          value={reason}
          maxLength={500}
          onChange={(event) => setReason(event.target.value)}
        />
        <CommandLine text={commandOf(intent)} />
      </div>
    </Dialog>
  );
}

function MaintenanceEnd({ intent, onChange }: { intent: Intent; onChange(intent: Intent): void }) {
  if (intent.kind !== 'set-maintenance' || !intent.on) return null;
  const choose = (text: string) =>
    onChange({ ...intent, on: { minutes: text === '' ? null : Number(text) } });
  return (
    <SelectField
      label="Ends by itself after"
      value={String(intent.on.minutes ?? '')}
      onChange={(event) => choose(event.target.value)}
    >
      <option value="15">15 minutes</option>
      <option value="60">1 hour</option>
      <option value="240">4 hours</option>
      <option value="1440">1 day</option>
      <option value="">never: until somebody ends it</option>
    </SelectField>
  );
}
