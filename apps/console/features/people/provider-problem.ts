/** Why an identity provider let nobody in, in words (pure); the code comes back in the address. */
const words: Record<string, string> = {
  email_missing: 'Your identity provider told no e-mail address of yours.',
  email_not_verified: 'Your identity provider has not verified your e-mail address.',
  domain_not_allowed: 'Addresses of your domain may not sign in here.',
  not_set_up: 'This installation has no administrator yet: set it up first.',
  account_not_linked:
    'There is an account with your address already. Sign in with its password, or ask an administrator.',
  access_denied: 'You have not let your identity provider sign you in.',
  state_mismatch: 'The sign-in took too long, or began in another window. Try again.',
};

export function providerProblem(code: string): string {
  return Object.hasOwn(words, code)
    ? (words[code] ?? '')
    : 'Signing in through the identity provider failed. Try again; the log of the console says why.';
}
