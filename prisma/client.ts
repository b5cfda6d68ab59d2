import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from './generated/prisma/client.ts';

export type { PrismaClient } from './generated/prisma/client.ts';
export { Prisma, Role } from './generated/prisma/client.ts';

const poolMax = 10;
const connectTimeoutMs = 5000;

export function createPrismaClient(connectionString: string): PrismaClient {
  const adapter = new PrismaPg({ connectionString, max: poolMax, connectionTimeoutMillis: connectTimeoutMs });
  return new PrismaClient({ adapter });
}
