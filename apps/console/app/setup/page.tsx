import { FirstAdmin } from '../../features/people/first-admin.tsx';

export const metadata = { title: 'Set up' };

export default function SetupPage() {
  return <FirstAdmin />;
}
