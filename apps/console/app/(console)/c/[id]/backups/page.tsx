import { BackupsPage } from '../../../../../features/backups/backups-page.tsx';

export const metadata = { title: 'Backups' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <BackupsPage clusterId={id} />;
}
