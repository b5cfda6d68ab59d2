import { RouterPage } from '../../../../../features/router/router-page.tsx';

export const metadata = { title: 'Routers' };

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const { id } = await params;
  return <RouterPage clusterId={id} />;
}
