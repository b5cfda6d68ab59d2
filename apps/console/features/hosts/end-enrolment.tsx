'use client';

import { Failed } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { TextField } from '@quantadb/ui/primitives/field';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { problemOf, useTRPC } from '../../lib/trpc.ts';

/** A host that is in no cluster is let in no more; only another token makes it one again. */
export function EndEnrolment({ host, onClose, onDone }: { host: string; onClose(): void; onDone(): void }) {
  const trpc = useTRPC();
  const [reason, setReason] = useState('');
  const remove = useMutation(
    trpc.hosts.remove.mutationOptions({
      onSuccess: () => {
        onDone();
        onClose();
      },
    }),
  );
  return (
    <Dialog
      isOpen
      onClose={onClose}
      title={`End the enrolment of ${host}`}
      footer={
        <>
          <Button onClick={onClose}>Keep it</Button>
          <Button
            tone="danger"
            isBusy={remove.isPending}
            onClick={() => remove.mutate({ name: host, reason: reason.trim() })}
          >
            End it
          </Button>
        </>
      }
    >
      <p>
        Its certificate counts no more here, and no cluster can be offered this host until it is enrolled with
        another token. Nothing on the host itself changes: take its service away there with{' '}
        <code>quantadb host uninstall</code>.
      </p>
      <div className="mt-3">
        <TextField
          label="Reason (for the audit log)"
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
      </div>
      {remove.error ? <Failed {...problemOf(remove.error)} /> : null}
    </Dialog>
  );
}
