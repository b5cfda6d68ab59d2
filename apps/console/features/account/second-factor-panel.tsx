'use client';

import { Failed } from '@quantadb/ui/patterns/states';
import { Badge } from '@quantadb/ui/patterns/status';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { CodeField, PasswordField } from '../people/fields.tsx';
import { BackupCodes } from './backup-codes.tsx';
import { SetUpSecondFactor } from './set-up-second-factor.tsx';

type Open = 'set up' | 'renew' | 'off' | null;

export function SecondFactorPanel({ isOn, isRequired }: { isOn: boolean; isRequired: boolean }) {
  const trpc = useTRPC();
  const queries = useQueryClient();
  const [open, setOpen] = useState<Open>(null);
  const close = () => {
    setOpen(null);
    for (const queryKey of [trpc.account.pathKey(), trpc.people.me.queryKey()])
      void queries.invalidateQueries({ queryKey });
  };
  return (
    <Panel title="Second factor">
      <div className="flex flex-col items-start gap-4">
        <Badge tone={isOn ? 'good' : isRequired ? 'warning' : 'muted'}>
          {isOn ? 'on' : isRequired ? 'required, and not set up' : 'off'}
        </Badge>
        <p className="text-ink-soft">
          A code of an authenticator app, which your password alone does not replace. With backup codes you
          get in when the telephone is lost.
        </p>
        {isOn ? (
          <div className="flex flex-wrap gap-2">
            <Button onClick={() => setOpen('renew')}>New backup codes</Button>
            <Button tone="danger" onClick={() => setOpen('off')}>
              Take it off
            </Button>
          </div>
        ) : (
          <Button tone="primary" onClick={() => setOpen('set up')}>
            Set it up
          </Button>
        )}
      </div>
      {open === 'set up' ? <SetUpSecondFactor onClose={close} /> : null}
      {open === 'renew' ? <RenewBackupCodes onClose={close} /> : null}
      {open === 'off' ? <TakeOff isRequired={isRequired} onClose={close} /> : null}
    </Panel>
  );
}

interface Proof {
  password: string;
  code: string;
}

/** What is asked before anything about a second factor changes. */
function ProofForm(props: {
  action: string;
  isDanger?: boolean;
  isBusy: boolean;
  codeHint: string;
  error: unknown;
  onProof(proof: Proof): void;
}) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    props.onProof({ password: String(form.get('password')), code: String(form.get('code')) });
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <PasswordField />
      <CodeField hint={props.codeHint} />
      {props.error ? <Failed {...problemOf(props.error)} /> : null}
      <Button tone={props.isDanger ? 'danger' : 'primary'} type="submit" isBusy={props.isBusy}>
        {props.action}
      </Button>
    </form>
  );
}

function RenewBackupCodes({ onClose }: { onClose(): void }) {
  const trpc = useTRPC();
  const renew = useMutation(trpc.account.renewBackupCodes.mutationOptions());
  return (
    <Dialog isOpen onClose={onClose} title="New backup codes">
      {renew.data ? (
        <BackupCodes codes={renew.data.backupCodes} onDone={onClose} />
      ) : (
        <ProofForm
          action="Make new ones"
          codeHint="Of your authenticator app. The backup codes that you have end."
          isBusy={renew.isPending}
          error={renew.error}
          onProof={(proof) => renew.mutate(proof)}
        />
      )}
    </Dialog>
  );
}

function TakeOff({ isRequired, onClose }: { isRequired: boolean; onClose(): void }) {
  const trpc = useTRPC();
  const off = useMutation(trpc.account.takeOffSecondFactor.mutationOptions({ onSuccess: onClose }));
  return (
    <Dialog isOpen onClose={onClose} title="Take the second factor off">
      <div className="flex flex-col gap-4">
        {isRequired ? (
          <p>Your role asks for one: until you have set up the next, nothing else of the console opens.</p>
        ) : null}
        <ProofForm
          action="Take it off"
          isDanger
          codeHint="Of your authenticator app, or a backup code."
          isBusy={off.isPending}
          error={off.error}
          onProof={(proof) => off.mutate(proof)}
        />
      </div>
    </Dialog>
  );
}
