import { SettingsPage } from '../../../../../../features/backup-settings/settings-page.tsx';

export const metadata = { title: 'Backup settings' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <SettingsPage clusterId={id} />;
}
