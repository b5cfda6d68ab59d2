import { SignIn } from '../../features/people/sign-in.tsx';

export const metadata = { title: 'Sign in' };

export default function LoginPage() {
  return <SignIn />;
}
