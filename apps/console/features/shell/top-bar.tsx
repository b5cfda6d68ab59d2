'use client';

import { Mark, type Tone } from '@quantadb/ui/patterns/status';
import { Button } from '@quantadb/ui/primitives/button';
import { classes } from '@quantadb/ui/primitives/classes';
import { Menu } from '@quantadb/ui/primitives/menu';
import { Clock, Moon, Sun, UserRound } from 'lucide-react';
import Link from 'next/link';
import { usePathname, useRouter } from 'next/navigation';
import { useTheme } from 'next-themes';
import { useContext } from 'react';
import { signOut } from '../../lib/auth.ts';
import { useLive } from '../../lib/live.tsx';
import { ZoneContext } from '../../lib/time.ts';
import { AlertLink } from '../alerts/alert-count.tsx';
import { CommandPalette } from './command-palette.tsx';
import { useMay } from './me.ts';
import { useCurrentInView } from './use-current-in-view.ts';

type May = ReturnType<typeof useMay>;
const anybody = () => true;
const pages = [
  { href: '/', label: 'Clusters', isFor: anybody },
  { href: '/hosts', label: 'Hosts', isFor: anybody },
  { href: '/alerts', label: 'Alerts', isFor: anybody },
  { href: '/audit', label: 'Audit', isFor: anybody },
  { href: '/tokens', label: 'Tokens', isFor: (may: May) => may.makeTokens },
  { href: '/people', label: 'People', isFor: (may: May) => may.everywhere.administer },
  { href: '/api-docs', label: 'API', isFor: anybody },
];

const connections: Record<ReturnType<typeof useLive>['connection'], { tone: Tone; text: string }> = {
  connecting: { tone: 'working', text: 'Connecting' },
  live: { tone: 'good', text: 'Live' },
  silent: { tone: 'warning', text: 'No answer' },
  lost: { tone: 'critical', text: 'Connection lost' },
};

export function TopBar() {
  const path = usePathname();
  const router = useRouter();
  const may = useMay();
  const { connection } = useLive();
  const { tone, text } = connections[connection];
  const row = useCurrentInView(path);
  const mine = pages.filter((page) => page.isFor(may));
  const isHere = (href: string) =>
    href === '/' ? path === '/' || path.startsWith('/c/') : path.startsWith(href);
  return (
    <header className="sticky top-0 z-30 border-line border-b bg-surface">
      <div className="mx-auto flex w-full max-w-[84rem] flex-wrap items-center gap-x-2 gap-y-1 px-4 py-2 sm:gap-x-4 sm:px-6">
        <Link href="/" className="font-semibold">
          QuantaDB
        </Link>
        <nav
          ref={row}
          aria-label="Main"
          className="order-last flex w-full gap-1 overflow-x-auto sm:order-none sm:w-auto"
        >
          {mine.map((page) => (
            <Link
              key={page.href}
              href={page.href}
              aria-current={isHere(page.href) ? 'page' : undefined}
              className={classes(
                'rounded-md px-2.5 py-1 text-[0.8125rem]',
                isHere(page.href) ? 'bg-muted-soft font-medium' : 'text-ink-soft hover:text-ink',
              )}
            >
              {page.label}
            </Link>
          ))}
        </nav>
        <div className="ml-auto flex items-center gap-1 max-sm:[&_button]:px-2">
          <AlertLink />
          <span
            role="status"
            className="inline-flex items-center gap-1.5 rounded-full bg-muted-soft px-2 py-0.5 text-ink-soft text-xs sm:px-2.5"
          >
            <Mark tone={tone} />
            {/* On a phone only what is not as usual is said. */}
            <span className={connection === 'live' ? 'max-sm:sr-only' : undefined}>{text}</span>
          </span>
          <CommandPalette mainPages={mine} />
          <ZoneToggle />
          <ThemeToggle />
          <Menu
            trigger={
              <Button
                tone="quiet"
                icon={<UserRound size={15} aria-hidden />}
                aria-label={`Account of ${may.name}`}
              />
            }
            items={[
              { label: 'Your account', onSelect: () => router.push('/account') },
              {
                label: `Sign out ${may.name}`,
                onSelect: () => void signOut().then((next) => window.location.assign(next)),
              },
            ]}
          />
        </div>
      </div>
    </header>
  );
}

function ZoneToggle() {
  const { zone, setZone } = useContext(ZoneContext);
  const next = zone === 'UTC' ? 'local' : 'UTC';
  return (
    <Button
      tone="quiet"
      icon={<Clock size={15} aria-hidden />}
      onClick={() => setZone(next)}
      aria-label={`Times are ${zone}; show ${next}`}
    >
      <span className="hidden text-xs sm:inline">{zone === 'UTC' ? 'UTC' : 'Local'}</span>
    </Button>
  );
}

function ThemeToggle() {
  const { resolvedTheme, setTheme } = useTheme();
  const next = resolvedTheme === 'dark' ? 'light' : 'dark';
  return (
    <Button tone="quiet" aria-label={`Show the ${next} theme`} onClick={() => setTheme(next)}>
      <Sun size={15} aria-hidden className="dark:hidden" />
      <Moon size={15} aria-hidden className="hidden dark:block" />
    </Button>
  );
}
