import { z } from 'zod';
import type { OidcRules } from './oidc-rules.ts';

export interface OidcConfig extends OidcRules {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** As the button on the sign-in page calls it. */
  name: string;
  scopes: string[];
  /** Whether an account that has the same verified address already becomes the provider's as well. */
  linksByEmail: boolean;
}

const listSchema = z.string().transform((text) => text.split(/[\s,]+/).filter((each) => each !== ''));
const flagSchema = z.enum(['true', 'false']).transform((text) => text === 'true');
const roleSchema = z.enum(['none', 'viewer', 'operator', 'admin']);

/** `dba=admin,on call=operator` */
const rolesSchema = z.string().transform((text, context) => {
  const pairs = text.split(',').filter((each) => each.trim() !== '');
  const roles: [string, z.infer<typeof roleSchema>][] = [];
  for (const pair of pairs) {
    const at = pair.lastIndexOf('=');
    const role = roleSchema.safeParse(pair.slice(at + 1).trim());
    const group = pair.slice(0, at).trim();
    if (at < 0 || group === '' || !role.success) {
      context.addIssue({ code: 'custom', message: `"${pair}" is not of the form group=role` });
      return z.NEVER;
    }
    roles.push([group, role.data]);
  }
  return Object.fromEntries(roles);
});

/** What is sent there is the client's secret: only over TLS, but for a provider on this machine. */
const issuerSchema = z.url().refine(
  (text) => {
    const { protocol, hostname } = new URL(text);
    return protocol === 'https:' || ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);
  },
  { message: 'must begin with https://' },
);

/** By variable. All of it, or nothing. */
const oidcVariables = {
  QUANTADB_OIDC_ISSUER: issuerSchema,
  QUANTADB_OIDC_CLIENT_ID: z.string().min(1),
  QUANTADB_OIDC_CLIENT_SECRET: z.string().min(1),
  QUANTADB_OIDC_NAME: z.string().min(1).max(50).default('single sign-on'),
  QUANTADB_OIDC_SCOPES: listSchema.default(['openid', 'profile', 'email']),
  QUANTADB_OIDC_DOMAINS: listSchema
    .transform((domains) => domains.map((each) => each.toLowerCase()))
    .default([]),
  QUANTADB_OIDC_GROUPS_CLAIM: z.string().min(1).default('groups'),
  QUANTADB_OIDC_ROLES: rolesSchema.default({}),
  QUANTADB_OIDC_DEFAULT_ROLE: z.enum(['none', 'viewer']).default('none'),
  QUANTADB_OIDC_LINK_BY_EMAIL: flagSchema.default(false),
  QUANTADB_OIDC_TRUST_EMAIL: flagSchema.default(false),
};

export const oidcSchema = z.object(oidcVariables).transform(
  (set): OidcConfig => ({
    issuer: set.QUANTADB_OIDC_ISSUER.replace(/\/$/, ''),
    clientId: set.QUANTADB_OIDC_CLIENT_ID,
    clientSecret: set.QUANTADB_OIDC_CLIENT_SECRET,
    name: set.QUANTADB_OIDC_NAME,
    scopes: set.QUANTADB_OIDC_SCOPES,
    domains: set.QUANTADB_OIDC_DOMAINS,
    groupsClaim: set.QUANTADB_OIDC_GROUPS_CLAIM,
    roles: set.QUANTADB_OIDC_ROLES,
    defaultRole: set.QUANTADB_OIDC_DEFAULT_ROLE,
    linksByEmail: set.QUANTADB_OIDC_LINK_BY_EMAIL,
    trustsEmail: set.QUANTADB_OIDC_TRUST_EMAIL,
  }),
);
