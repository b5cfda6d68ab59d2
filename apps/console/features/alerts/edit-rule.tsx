'use client';

import { Button } from '@quantadb/ui/primitives/button';
import { Dialog } from '@quantadb/ui/primitives/dialog';
import { CheckField, SelectField, TextField } from '@quantadb/ui/primitives/field';
import { Words } from '@quantadb/ui/primitives/words';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { useLive } from '../../lib/live.tsx';
import { problemOf, useTRPC } from '../../lib/trpc.ts';
import { fromField, toField, unitWord } from './limits.ts';
import { WhoGets } from './who-gets.tsx';
import { type Rule, severities } from './words.ts';

/** Changes a rule for every cluster, or for one. */
export function EditRule({ rule, onClose }: { rule: Rule; onClose(): void }) {
  const trpc = useTRPC();
  const queries = useQueryClient();
  const { clusters } = useLive();
  const [scope, setScope] = useState('');
  const set = useMutation(
    trpc.alertRules.set.mutationOptions({
      onSuccess: async () => {
        await queries.invalidateQueries({ queryKey: trpc.alertRules.pathKey() });
        onClose();
      },
    }),
  );
  const clusterId = scope === '' ? null : scope;
  const isChanged = rule.changed.some((each) => each.clusterId === clusterId);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const limits = Object.entries(rule.limits).map(([name, { unit }]) => {
      return [name, fromField(Number(form.get(`limit-${name}`)), unit)] as const;
    });
    set.mutate({
      ...{ rule: rule.id, cluster: clusterId },
      settings: {
        isOn: form.get('isOn') !== null,
        severity: severities.find((each) => each === form.get('severity')) ?? rule.severity,
        forSeconds: Number(form.get('forSeconds')),
        limits: Object.fromEntries(limits),
      },
    });
  };
  return (
    <Dialog isOpen onClose={onClose} title={rule.title} description={<Words text={rule.runbook.means} />}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        {rule.of === 'installation' ? null : (
          <SelectField label="For" value={scope} onChange={(event) => setScope(event.target.value)}>
            <option value="">All clusters</option>
            {[...clusters.values()].map(({ clusterId: id, status }) => (
              <option key={id} value={id}>
                {status.name}
              </option>
            ))}
          </SelectField>
        )}
        <Fields key={scope} rule={rule} clusterId={clusterId} />
        <Reached rule={rule} clusterId={clusterId} />
        {set.error ? (
          <p role="alert" className="text-critical text-xs">
            {problemOf(set.error).message}
          </p>
        ) : null}
        <div className="flex flex-wrap gap-2">
          <Button tone="primary" type="submit" isBusy={set.isPending}>
            Change the rule
          </Button>
          {isChanged ? (
            <Button
              isBusy={set.isPending}
              onClick={() => set.mutate({ rule: rule.id, cluster: clusterId, settings: null })}
            >
              Back to what is usual
            </Button>
          ) : null}
        </div>
      </form>
    </Dialog>
  );
}

function Reached({ rule, clusterId }: { rule: Rule; clusterId: string | null }) {
  return (
    <section aria-label="Who gets this" className="rounded-md bg-muted-soft p-3">
      <h3 className="mb-1 font-medium text-xs">Who gets this, as it is now</h3>
      <WhoGets rule={rule.id} clusterId={clusterId} />
    </section>
  );
}

/** What holds now: of the cluster, then of all, then what is usual. */
function Fields({ rule, clusterId }: { rule: Rule; clusterId: string | null }) {
  const settingsOf = (id: string | null) =>
    rule.changed.find((each) => each.clusterId === id)?.settings ?? {};
  const own = settingsOf(clusterId);
  const all = settingsOf(null);
  return (
    <>
      <CheckField label="On" name="isOn" defaultChecked={own.isOn ?? all.isOn ?? true} />
      <SelectField
        label="Severity"
        name="severity"
        defaultValue={own.severity ?? all.severity ?? rule.severity}
      >
        {severities.map((each) => (
          <option key={each}>{each}</option>
        ))}
      </SelectField>
      <TextField
        label="Only after it has been so for (s)"
        name="forSeconds"
        type="number"
        min={0}
        required
        defaultValue={own.forSeconds ?? all.forSeconds ?? rule.forSeconds}
      />
      {Object.entries(rule.limits).map(([name, limit]) => (
        <TextField
          key={name}
          label={`${limit.words} (${unitWord(limit.unit)})`}
          name={`limit-${name}`}
          type="number"
          step="any"
          min={toField(limit.min, limit.unit)}
          max={toField(limit.max, limit.unit)}
          required
          defaultValue={toField(own.limits?.[name] ?? all.limits?.[name] ?? limit.usual, limit.unit)}
        />
      ))}
    </>
  );
}
