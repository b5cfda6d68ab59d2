import { randomUUID } from 'node:crypto';
import { QuantaError } from '@quantadb/engine/shared/errors';
import type { PrismaClient } from '@quantadb/prisma/client';
import { decrypt, deriveKey, encrypt } from '../secrets.ts';
import { type ChannelConfig, channelConfigSchema, shownOf } from './channel-config.ts';

const channelsMax = 100;
/** What they are encrypted for. */
export const channelsPurpose = 'alert channels';

/** Channels in the metadata; what is secret of them is encrypted with the installation's secret. */
export class ChannelStore {
  private readonly prisma: PrismaClient;
  private readonly key: Buffer;

  constructor(prisma: PrismaClient, secret: string) {
    this.prisma = prisma;
    this.key = deriveKey(secret, channelsPurpose);
  }

  /** @throws QuantaError NOT_FOUND, or CONFIG_INVALID when it was encrypted with another secret */
  async open(id: string): Promise<{ name: string; config: ChannelConfig }> {
    const row = await this.prisma.alertChannel.findUnique({ where: { id } });
    if (!row) throw new QuantaError('NOT_FOUND', 'no such channel');
    return { name: row.name, config: channelConfigSchema.parse(JSON.parse(decrypt(row.sealed, this.key))) };
  }

  /**
   * @param change without `config` what is secret stays
   * @throws QuantaError NOT_FOUND, REFUSED
   */
  async save(change: {
    id: string | null;
    name: string;
    isOn: boolean;
    config: ChannelConfig | null;
    changedBy: string;
  }): Promise<string> {
    const { id, name, isOn, config, changedBy } = change;
    const namesake = await this.prisma.alertChannel.findUnique({ where: { name } });
    if (namesake && namesake.id !== id)
      throw new QuantaError('REFUSED', `there is a channel ${name} already`);
    const secret = config && {
      ...{ kind: config.kind, settings: shownOf(config) },
      sealed: encrypt(JSON.stringify(config), this.key),
    };
    const data = { name, isOn, changedBy, changedAt: new Date() };
    if (id !== null) {
      const { count } = await this.prisma.alertChannel.updateMany({
        where: { id },
        data: { ...data, ...secret },
      });
      if (count === 0) throw new QuantaError('NOT_FOUND', 'no such channel');
      return id;
    }
    if (!secret) throw new QuantaError('PROTOCOL_VIOLATION', 'a new channel says how to reach people');
    if ((await this.prisma.alertChannel.count()) >= channelsMax)
      throw new QuantaError('REFUSED', `there are ${channelsMax} channels already`);
    const made = randomUUID();
    await this.prisma.alertChannel.create({ data: { id: made, ...data, ...secret } });
    return made;
  }
}
