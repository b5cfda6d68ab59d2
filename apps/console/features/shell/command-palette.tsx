'use client';

import { Palette } from '@quantadb/ui/patterns/palette';
import { Button } from '@quantadb/ui/primitives/button';
import { Search } from 'lucide-react';
import { usePathname, useRouter } from 'next/navigation';
import { useTheme } from 'next-themes';
import { useContext, useEffect, useState } from 'react';
import { useLive } from '../../lib/live.tsx';
import { ZoneContext } from '../../lib/time.ts';
import { placesOf } from './places.ts';

/** ⌘K, Ctrl+K, or the button. */
export function CommandPalette({ mainPages }: { mainPages: readonly { href: string; label: string }[] }) {
  const [isOpen, setOpen] = useState(false);
  const router = useRouter();
  const path = usePathname();
  const { clusters } = useLive();
  const { resolvedTheme, setTheme } = useTheme();
  const { zone, setZone } = useContext(ZoneContext);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.metaKey || event.ctrlKey)) return;
      event.preventDefault();
      setOpen((last) => !last);
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
  const shownId = /^\/c\/([^/]+)/.exec(path)?.[1] ?? null;
  const places = placesOf([...clusters.values()], shownId, mainPages);
  const theme = resolvedTheme === 'dark' ? 'light' : 'dark';
  const nextZone = zone === 'UTC' ? 'local' : 'UTC';
  const items = [
    ...places.map((place) => ({ ...place, onSelect: () => router.push(place.href) })),
    { key: 'theme', group: 'Look', label: `Show the ${theme} theme`, onSelect: () => setTheme(theme) },
    { key: 'zone', group: 'Look', label: `Show times in ${nextZone}`, onSelect: () => setZone(nextZone) },
  ];
  return (
    <>
      <Button tone="quiet" icon={<Search size={15} aria-hidden />} onClick={() => setOpen(true)}>
        <span className="sr-only">Go to a page, cluster or node</span>
        <kbd className="hidden font-sans text-xs sm:inline">Ctrl K</kbd>
      </Button>
      <Palette isOpen={isOpen} onClose={() => setOpen(false)} items={items} />
    </>
  );
}
