import { Failed } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { TextArea } from '@quantadb/ui/primitives/field';
import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import { toast } from 'sonner';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { CommandLine } from '../operations/command-line.tsx';
import type { Session } from './sessions.ts';

export interface Ending {
  session: Session;
  how: 'cancel' | 'terminate';
}

const words = {
  cancel:
    'Its statement fails with an error; the session and its client stay, in a failed transaction if there was one.',
  terminate: 'Its connection closes and what it has not committed is rolled back; its client sees an error.',
};

function reasonOption(reason: string): string {
  return reason.trim() === '' ? '' : ` --reason '${reason.trim().replaceAll("'", `'"'"'`)}'`;
}

/** Ends exactly the session that was looked at: another one that has its pid by then is left alone. */
export function EndDialog({
  clusterId,
  ending,
  onEnded,
  onClose,
}: {
  clusterId: string;
  ending: Ending;
  onEnded(): void;
  onClose(): void;
}) {
  const trpc = useTRPC();
  const { session, how } = ending;
  const { node, pid, startedAt, user, database, application, text } = session;
  const [reason, setReason] = useState('');
  const end = useMutation(trpc.sessions.end.mutationOptions());
  const title = how === 'cancel' ? `Cancel the statement of ${pid}` : `Terminate session ${pid}`;
  const run = async () => {
    const answer = await end.mutateAsync({ clusterId, node, pid, startedAt, how, reason });
    if (answer.outcome === 'ended') toast.success(answer.words);
    else toast(answer.words);
    onEnded();
    onClose();
  };
  const footer = (
    <>
      <Button onClick={onClose}>Back</Button>
      <Button
        tone={how === 'terminate' ? 'danger' : 'primary'}
        disabled={how === 'terminate' && reason.trim() === ''}
        isBusy={end.isPending}
        onClick={() => void run().catch(() => undefined)}
      >
        {how === 'cancel' ? 'Cancel its statement' : 'Terminate it'}
      </Button>
    </>
  );
  return (
    <Dialog isOpen onClose={onClose} title={title} description={words[how]} footer={footer}>
      <div className="flex flex-col gap-4">
        <p className="text-sm">
          {[user, database && `in ${database}`, application && `(${application})`, `on ${node}`]
            .filter(Boolean)
            .join(' ')}
        </p>
        {text ? (
          <pre className="max-h-40 overflow-auto whitespace-pre-wrap break-words rounded-md bg-muted-soft p-3 font-mono text-xs">
            {text}
          </pre>
        ) : null}
        {end.error ? <Failed {...problemOf(end.error)} /> : null}
        <TextArea
          label={how === 'terminate' ? 'Reason (required, for the audit log)' : 'Reason (optional)'}
          value={reason}
          maxLength={500}
          onChange={(event) => setReason(event.target.value)}
        />
        <CommandLine text={`quantadb session ${how} ${node} ${pid}${reasonOption(reason)}`} />
      </div>
    </Dialog>
  );
}
