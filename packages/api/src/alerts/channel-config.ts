import { z } from 'zod';

/** What it takes to reach people through a channel (pure). All of it is secret: addresses of webhooks carry tokens. */

const address = z.email().max(200);
const url = z.url({ protocol: /^https?$/ }).max(2000);

export const channelConfigSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('webhook'),
    url,
    /** Signs what is sent; null: it is not signed. */
    secret: z.string().min(16).max(200).nullable().default(null),
  }),
  z.object({ kind: z.literal('slack'), url }),
  z.object({
    kind: z.literal('email'),
    host: z.string().min(1).max(255),
    port: z.number().int().min(1).max(65_535),
    /** `tls` from the first byte on, `starttls` before anything is said, or none. */
    security: z.enum(['tls', 'starttls', 'none']),
    /** False takes any certificate. */
    verifyTls: z.boolean().default(true),
    login: z
      .object({ user: z.string().min(1).max(200), password: z.string().max(500) })
      .nullable()
      .default(null),
    from: address,
    to: z.array(address).min(1).max(50),
  }),
]);
export type ChannelConfig = z.infer<typeof channelConfigSchema>;

/** What may be shown of it. */
export function shownOf(config: ChannelConfig): Record<string, string> {
  switch (config.kind) {
    case 'webhook':
      return { to: new URL(config.url).origin, signed: config.secret === null ? 'no' : 'yes' };
    case 'slack':
      return { to: new URL(config.url).origin };
    case 'email':
      return { to: config.to.join(', '), from: config.from, server: `${config.host}:${config.port}` };
  }
}
