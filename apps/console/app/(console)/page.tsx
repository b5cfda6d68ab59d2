import { Fleet } from '../../features/fleet/fleet.tsx';

export const metadata = { title: 'Clusters' };

export default function FleetPage() {
  return <Fleet />;
}
