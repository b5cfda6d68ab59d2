import { SelectField } from '@quantadb/ui/primitives/field';
import { useCluster } from '../../lib/live.tsx';

interface NodeFieldProps {
  clusterId: string;
  node: string | null;
  /** What choosing none of them is called. */
  all: string;
  /** Only those with a PostgreSQL of their own. */
  isDataOnly?: boolean;
  onChange(node: string | null): void;
}

/** One node of the cluster, or all of them. */
export function NodeField({ clusterId, node, all, isDataOnly = false, onChange }: NodeFieldProps) {
  const { heard } = useCluster(clusterId);
  const nodes = heard?.status.nodes.filter(({ kind }) => !isDataOnly || kind === 'data');
  const names = nodes?.map(({ name }) => name) ?? (node ? [node] : []);
  return (
    <SelectField label="Node" value={node ?? ''} onChange={(event) => onChange(event.target.value || null)}>
      <option value="">{all}</option>
      {names.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </SelectField>
  );
}
