import type { ReactNode } from 'react';
import { ClusterBar } from '../../../../features/shell/cluster-bar.tsx';
import { ClusterByName } from '../../../../features/shell/cluster-by-name.tsx';

const idForm = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export default async function ClusterLayout({
  children,
  params,
}: {
  children: ReactNode;
  params: Promise<{ id: string }>;
}) {
  const { id } = await params;
  if (!idForm.test(id)) return <ClusterByName name={named(id)} />;
  return (
    <>
      <ClusterBar clusterId={id} />
      {children}
    </>
  );
}

/** As it is written in the address; one that is no text is looked for as it stands. */
function named(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}
