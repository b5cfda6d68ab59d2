'use client';

import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import type { FiringAlert } from './words.ts';

const hourMs = 3_600_000;

export function AcknowledgeDialog({ alert, onClose }: { alert: FiringAlert; onClose(): void }) {
  const trpc = useTRPC();
  const queries = useQueryClient();
  const acknowledge = useMutation(
    trpc.alerts.acknowledge.mutationOptions({
      onSuccess: async () => {
        await queries.invalidateQueries({ queryKey: trpc.alerts.pathKey() });
        onClose();
      },
    }),
  );
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const note = String(new FormData(event.currentTarget).get('note'));
    acknowledge.mutate({ alertId: alert.id, note });
  };
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`Acknowledge: ${alert.title}`}
      description="You are at it: nobody else is called for it."
    >
      <form onSubmit={submit} className="flex flex-col gap-4">
        <TextField
          label="Note"
          name="note"
          maxLength={500}
          hint="What you are doing; everybody sees it."
          error={acknowledge.error ? problemOf(acknowledge.error).message : null}
        />
        <Button tone="primary" type="submit" isBusy={acknowledge.isPending}>
          Acknowledge
        </Button>
      </form>
    </Dialog>
  );
}

const widths = ['this', 'rule', 'cluster'] as const;

/** Keeps alerts quiet, with an end and a reason. */
export function SilenceDialog({ alert, onClose }: { alert: FiringAlert; onClose(): void }) {
  const trpc = useTRPC();
  const queries = useQueryClient();
  const [width, setWidth] = useState<(typeof widths)[number]>('this');
  const silence = useMutation(
    trpc.alerts.silence.mutationOptions({
      onSuccess: async () => {
        await queries.invalidateQueries({ queryKey: trpc.alerts.pathKey() });
        onClose();
      },
    }),
  );
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const { clusterId, rule, subject } = alert;
    silence.mutate({
      reason: String(form.get('reason')),
      endsAt: new Date(Date.now() + Number(form.get('hours')) * hourMs).toISOString(),
      cluster: clusterId,
      rule: width === 'cluster' ? null : rule,
      subject: width === 'this' ? subject : null,
    });
  };
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="Silence"
      description="It is judged and shown all the same; nobody is told until the silence ends."
    >
      <form onSubmit={submit} className="flex flex-col gap-4">
        <SelectField
          label="What"
          value={width}
          onChange={(event) => setWidth(widths.find((each) => each === event.target.value) ?? 'this')}
        >
          <option value="this">
            {alert.title}
            {alert.subject ? ` of ${alert.subject}` : ''}
          </option>
          <option value="rule">
            {alert.title}, {alert.cluster ? `anywhere in ${alert.cluster}` : 'anywhere'}
          </option>
          {alert.clusterId ? <option value="cluster">Everything about {alert.cluster}</option> : null}
        </SelectField>
        <SelectField label="For" name="hours" defaultValue="2">
          <option value="0.25">15 minutes</option>
          <option value="1">an hour</option>
          <option value="2">2 hours</option>
          <option value="8">8 hours</option>
          <option value="24">a day</option>
          <option value="168">a week</option>
        </SelectField>
        <TextField
          label="Reason"
          name="reason"
          required
          maxLength={500}
          error={silence.error ? problemOf(silence.error).message : null}
        />
        <Button tone="primary" type="submit" isBusy={silence.isPending}>
          Silence
        </Button>
      </form>
    </Dialog>
  );
}
