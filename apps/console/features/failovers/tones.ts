import type { Tone } from '@quantadb/ui/patterns/status';

const tones: Record<string, Tone> = { DONE: 'good', ABANDONED: 'warning', NO_SAFE_CANDIDATE: 'critical' };

export function failoverTone(state: string): Tone {
  return tones[state] ?? 'working';
}
