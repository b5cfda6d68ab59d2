'use client';

import type { AppRouter } from '@quantadb/api/client-types';
import { Failed } from '@quantadb/ui/patterns/states';
import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { useMutation } from '@tanstack/react-query';
import type { inferRouterOutputs } from '@trpc/server';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import type { Role } from '../shell/me.ts';

type Person = inferRouterOutputs<AppRouter>['people']['list'][number];

interface Asked {
  person: Person;
  onClose(): void;
  onDone(): void;
}

const roleWords: Record<Role, string> = {
  none: 'sees and does nothing, except on clusters where they have a role of their own',
  viewer: 'sees everything of every cluster, and changes nothing',
  operator: 'runs operations on every cluster: switchovers, restarts, backups, maintenance',
  admin: 'does everything, with people, roles, tokens and what can lose data',
};

/** What a role means is said before anybody has it. */
export function ChangeRole({ person, role, onClose, onDone }: Asked & { role: Role }) {
  const trpc = useTRPC();
  const set = useMutation(trpc.people.setRole.mutationOptions({ onSuccess: closing(onDone, onClose) }));
  return (
    <Question
      title={`Make ${person.name} ${role === 'none' ? 'somebody without a role' : `${role === 'viewer' ? 'a' : 'an'} ${role}`}`}
      text={`Whoever is that ${roleWords[role]}. It counts at once; so far the role is ${person.role}.`}
      action="Change the role"
      error={set.error}
      isBusy={set.isPending}
      onClose={onClose}
      onConfirm={() => set.mutate({ id: person.id, role })}
    />
  );
}

export function RemovePerson({ person, onClose, onDone }: Asked) {
  const trpc = useTRPC();
  const remove = useMutation(trpc.people.remove.mutationOptions({ onSuccess: closing(onDone, onClose) }));
  return (
    <Question
      title={`Remove ${person.email}`}
      text="Every session of theirs ends, and the account with its second factor is gone. Tokens that they made stay, and so does what the audit log says of them."
      action="Remove the account"
      isDanger
      error={remove.error}
      isBusy={remove.isPending}
      onClose={onClose}
      onConfirm={() => remove.mutate({ id: person.id })}
    />
  );
}

function closing(onDone: () => void, onClose: () => void) {
  return () => {
    onDone();
    onClose();
  };
}

/** What will be, before it is. */
export function Question(props: {
  title: string;
  text: string;
  action: string;
  isDanger?: boolean;
  error: unknown;
  isBusy: boolean;
  onClose(): void;
  onConfirm(): void;
}) {
  return (
    <Dialog
      isOpen
      onClose={props.onClose}
      title={props.title}
      footer={
        <>
          <Button onClick={props.onClose}>Leave it</Button>
          <Button
            tone={props.isDanger ? 'danger' : 'primary'}
            isBusy={props.isBusy}
            onClick={props.onConfirm}
          >
            {props.action}
          </Button>
        </>
      }
    >
      <p>{props.text}</p>
      {props.error ? <Failed {...problemOf(props.error)} /> : null}
    </Dialog>
  );
}
