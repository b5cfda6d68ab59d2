'use client';

import { Mark, type Tone } from '@quantadb/ui/patterns/status';
import { Panel } from '@quantadb/ui/primitives/panel';
import { useQuery } from '@tanstack/react-query';
import Link from 'next/link';
import type { ReactNode } from 'react';
import { useTRPC } from '../../lib/trpc.ts';
import { firstSteps, type StepState } from './steps.ts';

const lookEveryMs = 2000;

const tones: Record<StepState, Tone> = { done: 'good', next: 'working', later: 'muted' };
const words: Record<StepState, string> = { done: 'done', next: 'next', later: 'later' };

/** What comes between an empty console and a cluster; each step is ticked off when it has happened. */
export function FirstSteps() {
  const trpc = useTRPC();
  const hosts = useQuery({ ...trpc.hosts.list.queryOptions({}), refetchInterval: lookEveryMs });
  const steps = firstSteps(hosts.data ?? []);
  const texts: Record<(typeof steps)[number]['step'], ReactNode> = {
    admin: 'You are signed in; others are let in under People.',
    host: (
      <>
        Make a token under <To href="/hosts">Hosts</To> and run the command that it shows on a machine with
        PostgreSQL.{' '}
        {hosts.data && hosts.data.length > 0
          ? `Enrolled: ${hosts.data.map(({ name }) => name).join(', ')}.`
          : null}
      </>
    ),
    cluster: (
      <>
        A host&apos;s menu under <To href="/hosts">Hosts</To> founds a cluster on it, or{' '}
        <code className="font-mono">quantadb cluster create shop --host {steps[1]?.detail ?? 'node-1'}</code>{' '}
        does. Two more hosts make it survive the loss of one.
      </>
    ),
    connect: (
      <>
        Point the application to the router of any of its hosts;{' '}
        <code className="font-mono">quantadb status --json</code> has the address.
      </>
    ),
  };
  return (
    <Panel title="No cluster yet: the way to the first one">
      <ol className="flex flex-col gap-4">
        {steps.map(({ step, title, state }, at) => (
          <li
            key={step}
            className="flex items-start gap-3"
            aria-current={state === 'next' ? 'step' : undefined}
          >
            <span className="mt-1.5">
              <Mark tone={tones[state]} />
            </span>
            <div>
              <p className="font-medium">
                {at + 1}. {title} <span className="font-normal text-ink-faint text-xs">({words[state]})</span>
              </p>
              <p className="text-ink-soft">{texts[step]}</p>
            </div>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

function To({ href, children }: { href: string; children: string }) {
  return (
    <Link className="text-accent underline" href={href}>
      {children}
    </Link>
  );
}
