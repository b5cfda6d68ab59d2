import { CheckField, SelectField } from '@quantadb/ui/primitives/field';
import { NodeField } from '../shell/node-field.tsx';
import { agesSeconds, type StateName, stateNames, stateWords, type Tangle, tangles } from './sessions.ts';

const tangleWords: Record<Tangle, string> = {
  either: 'Blocked or blocking',
  blocked: 'Blocked',
  blocking: 'Blocking',
};

interface Chosen {
  node: string | null;
  state: StateName | null;
  tangle: Tangle | null;
  older: number | null;
  all: boolean;
}

const ageWords = (seconds: number) =>
  seconds < 60 ? `${seconds} s` : seconds < 3600 ? `${seconds / 60} min` : `${seconds / 3600} h`;

export function Filters({
  clusterId,
  filter,
  onChange,
}: {
  clusterId: string;
  filter: Chosen;
  onChange(next: Partial<Chosen>): void;
}) {
  return (
    <div className="grid grid-cols-2 items-end gap-3 lg:grid-cols-5">
      <NodeField
        {...{ clusterId, node: filter.node, isDataOnly: true }}
        all="All"
        onChange={(node) => onChange({ node })}
      />
      <SelectField
        label="State"
        value={filter.state ?? ''}
        onChange={(event) =>
          onChange({ state: stateNames.find((each) => each === event.target.value) ?? null })
        }
      >
        <option value="">Any</option>
        {stateNames.map((name) => (
          <option key={name} value={name}>
            {stateWords[name]}
          </option>
        ))}
      </SelectField>
      <SelectField
        label="Locks"
        value={filter.tangle ?? ''}
        onChange={(event) =>
          onChange({ tangle: tangles.find((each) => each === event.target.value) ?? null })
        }
      >
        <option value="">Any</option>
        {tangles.map((name) => (
          <option key={name} value={name}>
            {tangleWords[name]}
          </option>
        ))}
      </SelectField>
      <AgeField older={filter.older} onChange={(older) => onChange({ older })} />
      <div className="col-span-2 lg:col-span-1">
        <CheckField
          label="Also the server’s and QuantaDB’s own"
          checked={filter.all}
          onChange={(event) => onChange({ all: event.target.checked })}
        />
      </div>
    </div>
  );
}

function AgeField({ older, onChange }: { older: number | null; onChange(older: number | null): void }) {
  const choices = [...new Set([...agesSeconds, ...(older === null ? [] : [older])])];
  return (
    <SelectField
      label="Longer than"
      value={older === null ? '' : String(older)}
      onChange={(event) => onChange(event.target.value === '' ? null : Number(event.target.value))}
    >
      <option value="">Any time</option>
      {choices.map((seconds) => (
        <option key={seconds} value={seconds}>
          {ageWords(seconds)}
        </option>
      ))}
    </SelectField>
  );
}
