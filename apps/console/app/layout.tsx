import { GeistMono } from 'geist/font/mono';
import { GeistSans } from 'geist/font/sans';
import type { Metadata, Viewport } from 'next';
import { headers } from 'next/headers';
import { NuqsAdapter } from 'nuqs/adapters/next/app';
import type { ReactNode } from 'react';
import { Providers } from '../features/shell/providers.tsx';
import './globals.css';

export const metadata: Metadata = {
  title: { default: 'QuantaDB', template: '%s · QuantaDB' },
  description: 'PostgreSQL clusters that run themselves.',
};
export const viewport: Viewport = { width: 'device-width', initialScale: 1 };

export default async function RootLayout({ children }: { children: ReactNode }) {
  // Of this answer alone: no page is made before it is asked for.
  const nonce = (await headers()).get('x-nonce') ?? undefined;
  return (
    <html lang="en" suppressHydrationWarning className={`${GeistSans.variable} ${GeistMono.variable}`}>
      <body>
        <NuqsAdapter>
          <Providers nonce={nonce}>{children}</Providers>
        </NuqsAdapter>
      </body>
    </html>
  );
}
