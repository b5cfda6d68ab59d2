'use client';

import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';

const kinds = ['webhook', 'slack', 'email'] as const;
type Kind = (typeof kinds)[number];
const securities = ['starttls', 'tls', 'none'] as const;

/** Its address and its secrets go to the server once, and never come back. */
export function NewChannel({ onClose }: { onClose(): void }) {
  const trpc = useTRPC();
  const [kind, setKind] = useState<Kind>('webhook');
  const set = useMutation(trpc.alertChannels.set.mutationOptions({ onSuccess: onClose }));
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    set.mutate({ name: String(form.get('name')), config: configOf(kind, form) });
  };
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title="New channel"
      description="What is secret of it is encrypted, and never shown again."
    >
      <form onSubmit={submit} className="flex flex-col gap-4">
        <TextField label="Name" name="name" required maxLength={60} />
        <SelectField
          label="Through"
          value={kind}
          onChange={(event) => setKind(kinds.find((each) => each === event.target.value) ?? 'webhook')}
        >
          <option value="webhook">A webhook (JSON, signed)</option>
          <option value="slack">Slack, Mattermost, Rocket.Chat</option>
          <option value="email">E-mail</option>
        </SelectField>
        {kind === 'email' ? (
          <EmailFields />
        ) : (
          <TextField label="URL" name="url" type="url" required maxLength={2000} />
        )}
        {kind === 'webhook' ? (
          <TextField
            label="Secret"
            name="secret"
            minLength={16}
            maxLength={200}
            autoComplete="off"
            hint="Signs each message (HMAC-SHA256); empty: it is not signed."
          />
        ) : null}
        {set.error ? (
          <p role="alert" className="text-critical text-xs">
            {problemOf(set.error).message}
          </p>
        ) : null}
        <Button tone="primary" type="submit" isBusy={set.isPending}>
          Make the channel
        </Button>
      </form>
    </Dialog>
  );
}

function EmailFields() {
  return (
    <>
      <div className="grid grid-cols-[2fr_1fr] gap-3">
        <TextField label="SMTP server" name="host" required maxLength={255} />
        <TextField label="Port" name="port" type="number" min={1} max={65_535} defaultValue={587} required />
      </div>
      <SelectField label="Security" name="security" defaultValue="starttls">
        <option value="starttls">STARTTLS</option>
        <option value="tls">TLS from the first byte</option>
        <option value="none">none</option>
      </SelectField>
      <TextField label="User" name="user" autoComplete="off" hint="Empty: without signing in." />
      <TextField label="Password" name="password" type="password" autoComplete="new-password" />
      <TextField label="From" name="from" type="email" required />
      <TextField label="To" name="to" required hint="Addresses, separated by commas." />
    </>
  );
}

function configOf(kind: Kind, form: FormData) {
  const text = (name: string) => String(form.get(name) ?? '').trim();
  if (kind === 'slack') return { kind, url: text('url') };
  if (kind === 'webhook') return { kind, url: text('url'), secret: text('secret') || null };
  return {
    ...{ kind, host: text('host'), port: Number(text('port')), from: text('from') },
    security: securities.find((each) => each === text('security')) ?? 'starttls',
    login: text('user') ? { user: text('user'), password: String(form.get('password') ?? '') } : null,
    to: text('to')
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== ''),
  };
}
