import { QuantaError } from '@quantadb/engine/shared/errors';
import type { PrismaClient, Role } from '@quantadb/prisma/client';
import type { BetterAuthOptions, BetterAuthPlugin } from 'better-auth';
import { genericOAuth } from 'better-auth/plugins/generic-oauth';
import type { Audit } from '../audit/audit.ts';
import { clientAddressHeader } from '../http/client-address.ts';
import { storable } from '../storable.ts';
import type { OidcConfig } from './oidc-config.ts';
import { type Judgement, judgeClaims } from './oidc-rules.ts';
import { setRole } from './set-role.ts';

/** In the address that is registered with the provider: `<public URL>/api/auth/callback/oidc`. */
export const oidcProviderId = 'oidc';
export const oidcPaths = ['/sign-in/social', `/callback/${oidcProviderId}`];
const discoveryDeadlineMs = 5000;

/** Sign-in through the provider: authorization code with PKCE, state and nonce; ID tokens are verified. */
export function oidcPlugin(oidc: OidcConfig, publicUrl: string): BetterAuthPlugin {
  const config = {
    providerId: oidcProviderId,
    name: oidc.name,
    discoveryUrl: `${oidc.issuer}/.well-known/openid-configuration`,
    requireIdTokenVerification: true,
    clientId: oidc.clientId,
    clientSecret: oidc.clientSecret,
    scopes: oidc.scopes,
    pkce: true,
    postLogoutRedirectURI: new URL('/login', publicUrl).toString(),
    mapProfileToUser: (profile: Record<string, unknown>) => ({
      name: nameIn(profile),
      ...(oidc.trustsEmail ? { emailVerified: true } : {}),
    }),
  };
  const plugin = genericOAuth({ config: [config] });
  return { ...plugin, init: (context) => withinDeadline(plugin.init(context), context, config) };
}

/**
 * The first look at the provider may take no longer than this: nobody could sign in with a password meanwhile. One that does not
 * answer is asked again when somebody wants to sign in through it.
 */
async function withinDeadline<Context extends { socialProviders: unknown[] }, Result>(
  discovered: Promise<Result>,
  context: Context,
  config: { providerId: string },
): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Result>((resolve) => {
    const pending = new Map([[config.providerId, config]]);
    const known = { socialProviders: context.socialProviders, genericOAuthPendingDiscovery: pending };
    timer = setTimeout(() => resolve({ context: known } as Result), discoveryDeadlineMs);
  });
  return Promise.race([discovered, late]).finally(() => clearTimeout(timer));
}

export interface OidcParts {
  prisma: PrismaClient;
  audit: Audit;
  /** What is open of this person's is asked again whether it may be. */
  accessChanged(id: string): void;
}

const byGroups = 'groups of the identity provider';
const nobody = { principal: null, ip: null };

/** Who is let in, and as what; asked at every sign-in, because the provider may say something else by now. */
export function oidcOptions(
  oidc: OidcConfig,
  parts: OidcParts,
): Pick<BetterAuthOptions, 'databaseHooks'> & {
  user: Pick<NonNullable<BetterAuthOptions['user']>, 'validateUserInfo'>;
} {
  const { prisma, audit } = parts;
  const judge = async (claims: Record<string, unknown>, isNew: boolean) => {
    const judged = judgeClaims(claims, oidc);
    // The first account is the administrator's, who is made at set-up.
    if (judged.ok && isNew && (await prisma.user.count()) === 0)
      return { ok: false, reason: 'not_set_up' } as const;
    return judged;
  };
  /** Roles of people who are about to be made, by the request that makes them. */
  const roles = new WeakMap<object, Role>();
  return {
    user: {
      validateUserInfo: async ({ user, source }, context) => {
        if (source.oauth?.providerId !== oidcProviderId) return;
        const isNew = source.action === 'create-user';
        const judged = await judge(source.oauth.profile ?? {}, isNew);
        if (!judged.ok) {
          const record = { action: 'sign-in', target: String(user.email ?? ''), detail: judged.reason };
          const ip = context.headers?.get(clientAddressHeader) ?? null;
          await audit.write({ principal: null, ip }, { ...record, outcome: 'refused' });
          return { error: judged.reason };
        }
        if (isNew) roles.set(context.context, judged.role);
        else if (user.id) await followGroups(parts, user.id, judged);
      },
    },
    databaseHooks: {
      user: {
        create: {
          before: async (user, context) => {
            const role = context ? roles.get(context.context) : undefined;
            return { data: { ...user, role: role ?? 'none' } };
          },
          after: async ({ email }, context) => {
            const role = context ? roles.get(context.context) : undefined;
            if (role === undefined) return;
            const record = { action: 'create-person', target: email, reason: byGroups, after: { role } };
            await audit.write(nobody, { ...record, outcome: 'done' });
          },
        },
      },
      // What the provider gives to be used in somebody's name is not used here, so it is not kept.
      account: { create: { before: withoutTokens }, update: { before: withoutTokens } },
    },
  };
}

/** Whoever left a group loses its role at the next sign-in; but for the last administrator, without whom nobody could repair that. */
async function followGroups(
  { prisma, audit, accessChanged }: OidcParts,
  id: string,
  { role, isRoleByGroups }: Extract<Judgement, { ok: true }>,
): Promise<void> {
  const known = await prisma.user.findUnique({ where: { id } });
  if (!isRoleByGroups || !known || known.role === role) return;
  const record = {
    action: 'set-role',
    target: known.email,
    reason: byGroups,
    after: { role },
  };
  try {
    await setRole(prisma, id, { role });
    accessChanged(id);
    await audit.write(nobody, { ...record, before: { role: known.role }, outcome: 'done' });
  } catch (error) {
    if (!(error instanceof QuantaError)) throw error;
    await audit.write(nobody, { ...record, outcome: 'refused', detail: error.message });
  }
}

async function withoutTokens<Account extends object>(account: Account) {
  return { data: { ...account, accessToken: null, refreshToken: null, idToken: null } };
}

function nameIn(profile: Record<string, unknown>): string {
  const known = [profile.name, profile.preferred_username, profile.email];
  return storable(String(known.find((each) => typeof each === 'string' && each !== '') ?? '').slice(0, 100));
}
