'use client';

import { SelectField } from '@quantadb/ui/primitives/field';
import { useQuery } from '@tanstack/react-query';
import { useTRPC } from '../../lib/trpc.ts';
import type { Role } from '../shell/me.ts';

export interface ClusterRole {
  clusterId: string;
  role: Role;
}

export const roles: Role[] = ['none', 'viewer', 'operator', 'admin'];
const meanings: Record<Role, string> = {
  none: 'none: only what is given on single clusters',
  viewer: 'viewer: reads',
  operator: 'operator: runs operations',
  admin: 'admin: everything',
};

/** Of a field, with what each of them may. */
export function RoleOptions() {
  return roles.map((role) => (
    <option key={role} value={role}>
      {meanings[role]}
    </option>
  ));
}

const asOnAll = 'as on all clusters';

/** A role on every cluster there is, which counts there instead of the one on all. */
export function ClusterRolesFields({
  chosen,
  onChange,
}: {
  chosen: ClusterRole[];
  onChange(chosen: ClusterRole[]): void;
}) {
  const trpc = useTRPC();
  const clusters = useQuery(trpc.clusters.list.queryOptions({}));
  const choose = (clusterId: string, value: string) => {
    const others = chosen.filter((each) => each.clusterId !== clusterId);
    onChange(value === asOnAll ? others : [...others, { clusterId, role: value as Role }]);
  };
  if (!clusters.data || clusters.data.length === 0) return null;
  return (
    <fieldset className="flex flex-col gap-3 border-line border-t pt-3">
      <legend className="font-medium text-xs">On single clusters</legend>
      {clusters.data.map(({ id, name }) => (
        <SelectField
          key={id}
          label={name}
          value={chosen.find(({ clusterId }) => clusterId === id)?.role ?? asOnAll}
          onChange={(event) => choose(id, event.target.value)}
        >
          {[asOnAll, ...roles].map((each) => (
            <option key={each}>{each}</option>
          ))}
        </SelectField>
      ))}
    </fieldset>
  );
}
