import { createServer, type Server } from 'node:http';
import { freePort } from '@quantadb/engine/testing/free-port';
import { Provider } from 'oidc-provider';

type Claims = Record<string, unknown>;

const clientId = 'quantadb';
const clientSecret = 'a secret of the client';

/** A real OpenID provider that lets in whomever the test says, without pages. */
export class IdentityProvider {
  readonly issuer: string;
  readonly client = { clientId, clientSecret };
  /** By subject: what it says of people. */
  readonly people = new Map<string, Claims>();
  /** Who sits at the browser. */
  subject = '';
  private readonly server: Server;

  private constructor(issuer: string, server: Server) {
    this.issuer = issuer;
    this.server = server;
  }

  /** @param consoleUrl the only address that it sends people back to */
  static async start(consoleUrl: string): Promise<IdentityProvider> {
    const port = await freePort();
    const issuer = `http://127.0.0.1:${port}`;
    const scopes = ['openid', 'profile', 'email', 'groups'];
    const provider = new Provider(issuer, {
      clients: [
        {
          ...{ client_id: clientId, client_secret: clientSecret },
          redirect_uris: [`${consoleUrl}/api/auth/callback/oidc`],
          post_logout_redirect_uris: [`${consoleUrl}/login`],
          token_endpoint_auth_method: 'client_secret_post',
        },
      ],
      scopes,
      claims: { email: ['email', 'email_verified'], profile: ['name'], groups: ['groups'] },
      conformIdTokenClaims: false,
      pkce: { required: () => true },
      features: { devInteractions: { enabled: false } },
      interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
      findAccount: (_context, id) => ({
        accountId: id,
        claims: () => ({ sub: id, ...identity.people.get(id) }),
      }),
      loadExistingGrant: async (context) => {
        const accountId = context.oidc.session?.accountId ?? '';
        const grant = new context.oidc.provider.Grant({ clientId, accountId });
        grant.addOIDCScope(scopes.join(' '));
        await grant.save();
        return grant;
      },
    });
    const handle = provider.callback();
    const server = createServer((request, response) => {
      if (!request.url?.startsWith('/interaction/')) return void handle(request, response);
      const login = { accountId: identity.subject };
      provider.interactionFinished(request, response, { login }).catch(() => response.writeHead(500).end());
    });
    const identity = new IdentityProvider(issuer, server);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return identity;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

/** A browser as far as redirects and cookies go. */
export class Browser {
  private readonly jars = new Map<string, Map<string, string>>();

  /** @returns where it ends: the first address that no redirect leads away from, or one of `stopAt` */
  async follow(start: string, stopAt: (url: string) => boolean): Promise<string> {
    let url = start;
    for (let hops = 0; hops < 15; hops += 1) {
      if (stopAt(url)) return url;
      const headers = { cookie: this.cookies(url) };
      const answer = await fetch(url, { redirect: 'manual', headers });
      this.keep(url, answer);
      const location = answer.headers.get('location');
      if (!location) return url;
      url = new URL(location, url).toString();
    }
    throw new Error(`too many redirects, the last one to ${url}`);
  }

  keep(url: string, answer: Response): void {
    const { origin } = new URL(url);
    const jar = this.jars.get(origin) ?? new Map<string, string>();
    this.jars.set(origin, jar);
    for (const cookie of answer.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';');
      jar.set(pair.slice(0, pair.indexOf('=')), pair);
    }
  }

  cookies(url: string): string {
    return [...(this.jars.get(new URL(url).origin)?.values() ?? [])].join('; ');
  }
}
