import { SelectField, TextField } from '@quantadb/ui/primitives/field';
import { Panel } from '@quantadb/ui/primitives/panel';
import type { Draft } from './draft.ts';

/** How much a backup may take of a node, and how much losing every node may cost. */
export function EffortSection({
  draft,
  onChange,
}: {
  draft: Draft;
  onChange(changes: Partial<Draft>): void;
}) {
  return (
    <Panel title="Effort">
      <div className="grid items-start gap-3 sm:grid-cols-2 lg:grid-cols-4">
        <SelectField
          label="Read from"
          value={draft.source}
          onChange={(event) => onChange({ source: event.target.value as Draft['source'] })}
        >
          <option value="prefer-standby">a standby, where one can</option>
          <option value="standby-only">a standby only</option>
          <option value="primary">the primary</option>
        </SelectField>
        <TextField
          label="Processes"
          inputMode="numeric"
          value={draft.processes}
          hint="Each reads and compresses on a processor of its own."
          onChange={(event) => onChange({ processes: event.target.value })}
        />
        <SelectField
          label="Compression"
          value={draft.compression}
          onChange={(event) => onChange({ compression: event.target.value as Draft['compression'] })}
        >
          <option value="zst">zstd</option>
          <option value="lz4">lz4</option>
          <option value="gz">gzip</option>
          <option value="none">none</option>
        </SelectField>
        <TextField
          label="WAL goes at least every (seconds)"
          inputMode="numeric"
          value={draft.archiveTimeoutSeconds}
          hint="What losing every host at once may cost."
          onChange={(event) => onChange({ archiveTimeoutSeconds: event.target.value })}
        />
      </div>
    </Panel>
  );
}
