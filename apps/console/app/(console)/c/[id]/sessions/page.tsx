import { SessionsPage } from '../../../../../features/sessions/sessions-page.tsx';

export const metadata = { title: 'Sessions' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <SessionsPage clusterId={id} />;
}
