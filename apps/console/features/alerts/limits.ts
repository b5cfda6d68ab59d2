import { bytesText } from '@quantadb/ui/charts/units';
import type { Rule } from './words.ts';

/** Limits of rules as people write and read them (pure). */

type Unit = Rule['limits'][string]['unit'];

const mebibyte = 1024 ** 2;

export function limitText(value: number, unit: Unit): string {
  if (unit === 'bytes') return bytesText(value);
  if (unit === 'percent') return `${value} %`;
  if (unit === 'count') return `${value}`;
  if (unit === 'seconds' && value >= 3600 && value % 3600 === 0) return `${value / 3600} h`;
  return `${value} ${{ seconds: 's', minutes: 'min', hours: 'h', days: 'days' }[unit]}`;
}

/** Bytes are asked for in MB. */
export function toField(value: number, unit: Unit): number {
  return unit === 'bytes' ? Math.round((value / mebibyte) * 1000) / 1000 : value;
}

export function fromField(value: number, unit: Unit): number {
  return unit === 'bytes' ? Math.round(value * mebibyte) : value;
}

export function unitWord(unit: Unit): string {
  return {
    bytes: 'MB',
    percent: '%',
    count: 'count',
    seconds: 's',
    minutes: 'min',
    hours: 'h',
    days: 'days',
  }[unit];
}
