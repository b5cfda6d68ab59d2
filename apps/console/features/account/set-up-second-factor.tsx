'use client';

import { Failed } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { TextField } from '@quantadb/ui/primitives/field';
import { useMutation } from '@tanstack/react-query';
import type { FormEvent } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { PasswordField } from '../people/fields.tsx';
import { BackupCodes } from './backup-codes.tsx';
import { QrCode } from './qr-code.tsx';

/** Password, then the app and its first code, then the backup codes. */
export function SetUpSecondFactor({ onClose }: { onClose(): void }) {
  const trpc = useTRPC();
  const begin = useMutation(trpc.account.beginSecondFactor.mutationOptions());
  const confirm = useMutation(trpc.account.confirmSecondFactor.mutationOptions());
  const submitted = (field: string, then: (value: string) => void) => (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    then(String(new FormData(event.currentTarget).get(field)));
  };
  const isOn = confirm.data !== undefined;
  return (
    <Dialog isOpen onClose={onClose} title="Set up a second factor">
      {begin.data && isOn ? <BackupCodes codes={begin.data.backupCodes} onDone={onClose} /> : null}
      {begin.data && !isOn ? (
        <form
          onSubmit={submitted('code', (code) => confirm.mutate({ code }))}
          className="flex flex-col gap-4"
        >
          <p>Scan this with an authenticator app, then type the code that it shows.</p>
          <QrCode text={begin.data.uri} label="QR code for an authenticator app" />
          <p className="text-ink-soft text-xs">
            Without a camera, type this key: <code className="break-all">{begin.data.key}</code>
          </p>
          <TextField
            label="Code"
            name="code"
            inputMode="numeric"
            autoComplete="one-time-code"
            pattern="[0-9]{6}"
            title="Six digits"
            required
            autoFocus
            hint="It counts from then on. Every other session of yours ends."
          />
          {confirm.error ? <Failed {...problemOf(confirm.error)} /> : null}
          <Button tone="primary" type="submit" isBusy={confirm.isPending}>
            Turn it on
          </Button>
        </form>
      ) : null}
      {begin.data ? null : (
        <form
          onSubmit={submitted('password', (password) => begin.mutate({ password }))}
          className="flex flex-col gap-4"
        >
          <PasswordField autoFocus />
          {begin.error ? <Failed {...problemOf(begin.error)} /> : null}
          <Button tone="primary" type="submit" isBusy={begin.isPending}>
            Go on
          </Button>
        </form>
      )}
    </Dialog>
  );
}
