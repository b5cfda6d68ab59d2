// The console's own schema: Prisma Migrate's engine and Prisma's client, both through the router.
import { createPrismaClient } from '../../prisma/dist/client.js';
import { applyMigrations } from '../../prisma/dist/migrate.js';
import { equal, everybody, url, version } from './common.mjs';

if ((await applyMigrations(url)).length === 0) throw new Error('there was nothing to migrate');
equal(await applyMigrations(url), []);
/** Its two seconds are not the router's, on a busy machine. */
const patient = { maxWait: 30_000, timeout: 30_000 };
const prisma = createPrismaClient(url);
await everybody(async (n) => {
  for (let i = 0; i < 10; i += 1) {
    const id = `prisma-${n}-${i}`;
    const work = prisma.$transaction(async (own) => {
      await own.verification.create({
        data: { id, identifier: `prisma-${n}`, value: 'é€', expiresAt: new Date() },
      });
      if (i % 2 === 1) throw new Error('back');
    }, patient);
    equal(
      await work.then(
        () => 'done',
        (error) => error.message,
      ),
      i % 2 === 1 ? 'back' : 'done',
    );
  }
  equal(await prisma.verification.count({ where: { identifier: `prisma-${n}` } }), 5);
  await prisma.verification.deleteMany({ where: { identifier: `prisma-${n}` } });
});
await prisma.$disconnect();
version('@prisma/client');
