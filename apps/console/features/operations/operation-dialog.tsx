'use client';

import { Failed, Loading } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { SelectField, TextArea } from '@quantadb/ui/primitives/field';
import { useMutation } from '@tanstack/react-query';
import Link from 'next/link';
import { useCallback, useEffect, useState } from 'react';
import { toast } from 'sonner';
import { useFleet } from '../../lib/live.tsx';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { ApplyDelay } from './apply-delay.tsx';
import { BeginsAt } from './begins-at.tsx';
import { CommandLine } from './command-line.tsx';
import { Confirmation, confirmedBy, wordToType } from './confirmation.tsx';
import { commandFor, type Intent, tiers, titleOf } from './intent.ts';
import { PlanReview } from './plan-review.tsx';

/** Of a cluster where there are several: a command has to say which one it is about. */
function useNameAmongSeveral(clusterId: string): string | null {
  const fleet = useFleet();
  return fleet.size > 1 ? (fleet.get(clusterId)?.status.name ?? null) : null;
}

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
  onStarted?(operationId: string): void;
  onClose(): void;
}) {
  const trpc = useTRPC();
  const [intent, setIntent] = useState(wanted);
  const [reason, setReason] = useState('');
  const [typed, setTyped] = useState('');
  const plan = useMutation(trpc.operations.plan.mutationOptions());
  const start = useMutation(trpc.operations.start.mutationOptions());
  const { mutate: makePlan } = plan;
  const word = wordToType(intent, clusterName);
  const ask = useCallback(
    () => makePlan({ clusterId, intent: confirmedBy(intent, word) }),
    [makePlan, clusterId, intent, word],
  );
  useEffect(ask, [ask]);
  const named = useNameAmongSeveral(clusterId);
  const needsReason = tiers[intent.kind] === 'disruptive';
  const run = async () => {
    if (!plan.data) return;
    const { hash: planHash, way } = plan.data;
    const { operationId } = await start.mutateAsync({
      ...{ clusterId, intent: confirmedBy(intent, typed), planHash, reason },
      ...(way ? { way } : {}),
    });
    announce(titleOf(intent), operationId);
    onStarted?.(operationId);
    onClose();
  };
  const isConfirmed = typed === word && (!needsReason || reason.trim() !== '');
  const footer = (
    <Buttons
      {...{ title: titleOf(intent), isBusy: start.isPending, onClose }}
      canRun={plan.data?.refusal === null && isConfirmed}
      tone={needsReason ? 'danger' : 'primary'}
      onRun={() => void run().catch(() => undefined)}
    />
  );
  return (
    <Dialog isOpen onClose={onClose} title={titleOf(intent)} footer={footer}>
      <div className="flex flex-col gap-4">
        <MaintenanceEnd intent={intent} onChange={setIntent} />
        <ApplyDelay intent={intent} onChange={setIntent} />
        <Confirmation {...{ intent, word, typed, onChange: setIntent, onType: setTyped }} />
        {plan.isPending ? <Loading label="Planning" /> : null}
        {plan.data ? <PlanReview plan={plan.data} /> : null}
        <Problem error={plan.error ?? start.error} onRetry={ask} />
        <TextArea
          label={needsReason ? 'Reason (required, for the audit log)' : 'Reason (optional)'}
          value={reason}
          maxLength={500}
          onChange={(event) => setReason(event.target.value)}
        />
        <BeginsAt wanted={wanted} onChange={setIntent} />
        <CommandLine text={commandFor(intent, named)} />
      </div>
    </Dialog>
  );
}

function announce(title: string, operationId: string): void {
  toast.success(`${title}: started`, { action: <Link href={`/operations/${operationId}`}>Follow it</Link> });
}

function Problem({ error, onRetry }: { error: unknown; onRetry(): void }) {
  return error ? <Failed {...problemOf(error)} onRetry={onRetry} /> : null;
}

interface ButtonsProps {
  title: string;
  tone: 'danger' | 'primary';
  canRun: boolean;
  isBusy: boolean;
  onRun(): void;
  onClose(): void;
}

function Buttons({ title, tone, canRun, isBusy, onRun, onClose }: ButtonsProps) {
  return (
    <>
      <Button onClick={onClose}>Cancel</Button>
      <Button tone={tone} disabled={!canRun} isBusy={isBusy} onClick={onRun}>
        {title}
      </Button>
    </>
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
