import type { ReactNode } from 'react';
import { ClusterBar } from '../../../../features/shell/cluster-bar.tsx';

export default async function ClusterLayout({
  children,
  params,
}: {
  children: ReactNode;
  params: Promise<{ id: string }>;
}) {
  const { id } = await params;
  return (
    <>
      <ClusterBar clusterId={id} />
      {children}
    </>
  );
}
