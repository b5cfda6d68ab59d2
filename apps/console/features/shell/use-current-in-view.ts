'use client';

import { type RefObject, useEffect, useRef } from 'react';

/** A row of links that is too long for a phone begins where the reader is: otherwise nothing says which page this is. */
export function useCurrentInView(here: string): RefObject<HTMLElement | null> {
  const row = useRef<HTMLElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page is another link in the same row
  useEffect(() => {
    const current = row.current?.querySelector<HTMLElement>('[aria-current="page"]');
    if (!row.current || !current) return;
    const { left, width } = current.getBoundingClientRect();
    const frame = row.current.getBoundingClientRect();
    row.current.scrollLeft += left + width / 2 - (frame.left + frame.width / 2);
  }, [here]);
  return row;
}
