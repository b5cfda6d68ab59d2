import { RestorePage } from '../../../../../features/restore/restore-page.tsx';

export const metadata = { title: 'Restore' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <RestorePage clusterId={id} />;
}
