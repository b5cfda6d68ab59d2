import { headerBytes } from '../protocol/codes.ts';

/** It differs between the servers of a cluster, and says nothing of the session. */
export const untoldParameters: ReadonlySet<string> = new Set(['in_hot_standby']);

/** What one server has said of its parameters: ParameterStatus. */
export class ReportedParameters {
  readonly values: Map<string, string>;
  private text: string | null = null;

  constructor(values: Map<string, string>) {
    this.values = values;
  }

  /** @returns the name */
  take(buffer: Buffer, start: number, end: number): string {
    const [name = '', value = ''] = buffer.toString('utf8', start + headerBytes, end - 1).split('\0');
    this.values.set(name, value);
    this.text = null;
    return name;
  }

  /** All of what clients are told, as one text to compare. */
  get asText(): string {
    this.text ??= [...this.values].filter(([name]) => !untoldParameters.has(name)).join('\0');
    return this.text;
  }
}
